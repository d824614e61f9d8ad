-- Whether entries are there, or tombstones of them. Keys are those of put.lua; a producer's user may ask this.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     ids
--
-- Returns 1 or 0 per id.

local known = {}
for n, id in ipairs(ARGV) do known[n] = redis.call('HMGET', KEYS[1] .. 'e:' .. id, 'state')[1] and 1 or 0 end
return known
