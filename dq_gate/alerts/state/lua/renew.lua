-- Hold the lease for longer. Keys are those of acquire.lua.
--
-- A lease that ran out while nobody else took it is taken up again: the fence still has its number.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
-- ARGV[1]  token
-- ARGV[2]  the fence's number
-- ARGV[3]  milliseconds that it holds from now on
--
-- Returns 1, or 0 when another evaluator took over.

local p = KEYS[1]
if redis.call('GET', p .. 'fence') ~= ARGV[2] then return 0 end
redis.call('SET', p .. 'lease', ARGV[1], 'PX', ARGV[3])
return 1
