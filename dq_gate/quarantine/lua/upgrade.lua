-- From now on the keys are of this version; never of an earlier one than they were. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  the version

local meta = KEYS[1] .. 'meta'
local schema = tonumber(redis.call('HMGET', meta, 'schema')[1] or 1)
if tonumber(ARGV[1]) > schema then redis.call('HSET', meta, 'schema', ARGV[1]) end
