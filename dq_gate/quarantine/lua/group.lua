-- One group's fields (name, value, ...); none when there is no such group. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  fingerprint

return redis.call('HGETALL', KEYS[1] .. 'g:' .. ARGV[1])
