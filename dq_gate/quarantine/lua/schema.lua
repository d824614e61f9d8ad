-- The version of the keys. What the release before left has none written: that is 1. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  version that a namespace without entries starts with

local meta = KEYS[1] .. 'meta'
local schema = redis.call('HMGET', meta, 'schema')[1]
if schema then return tonumber(schema) end
if redis.call('EXISTS', KEYS[1] .. 'groups') == 1 then return 1 end
redis.call('HSET', meta, 'schema', ARGV[1])
return tonumber(ARGV[1])
