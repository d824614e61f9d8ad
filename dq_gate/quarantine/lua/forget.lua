-- Keep no entry of some subjects that was created at or before a time. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  the time; of two, the later counts
-- ARGV[2...]  subjects

local key, at = KEYS[1] .. 'forgotten', assert(tonumber(ARGV[1]), 'no time')
for n = 2, #ARGV do
  local before = tonumber(redis.call('HGET', key, ARGV[n]) or '-inf')
  if at > before then redis.call('HSET', key, ARGV[n], ARGV[1]) end
end
