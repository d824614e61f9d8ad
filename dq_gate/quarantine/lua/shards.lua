-- How many shards a namespace has: as many as the first store that used it said. Keys are those of put.lua.
--
-- KEYS[1]  p, the prefix of the whole namespace, `dq:{namespace}:`, also when its shards have prefixes of their own
-- ARGV[1]  the number that this store was given
--
-- Returns the number that holds.

local meta = KEYS[1] .. 'meta'
local known = redis.call('HMGET', meta, 'shards')[1]
if known then return tonumber(known) end
if redis.call('EXISTS', KEYS[1] .. 'groups') == 1 then return 1 end -- by a release that knew no shards
redis.call('HSET', meta, 'shards', ARGV[1])
return tonumber(ARGV[1])
