-- How many entries wait, as of one moment, at a cost that does not grow with them. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     states, the first of them `pending`
--
-- Returns entries by state in the order asked, the bytes of all bodies, and when the oldest pending entry was made
-- (seconds, as text) or nil.

local p, answer = KEYS[1], {}
for n, state in ipairs(ARGV) do answer[n] = redis.call('ZCARD', p .. 'i:' .. state) end
answer[#ARGV + 1] = tonumber(redis.call('HMGET', p .. 'meta', 'bytes')[1] or 0)
answer[#ARGV + 2] = redis.call('ZRANGE', p .. 'i:' .. ARGV[1], 0, 0, 'WITHSCORES')[2] or false
return answer
