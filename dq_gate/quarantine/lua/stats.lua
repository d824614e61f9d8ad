-- Exact counts as of one moment. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     states
--
-- Returns entries by state in the order asked, open entries by rule and by source (name, count, ...), the number of
-- groups, the bytes of all bodies, and the inputs only counted.

local p, by_state = KEYS[1], {}
for n, state in ipairs(ARGV) do by_state[n] = redis.call('ZCARD', p .. 'i:' .. state) end
local totals = redis.call('HMGET', p .. 'meta', 'bytes', 'counted_only')
return {
  by_state,
  redis.call('HGETALL', p .. 'open:rule'),
  redis.call('HGETALL', p .. 'open:source'),
  redis.call('ZCARD', p .. 'groups'),
  tonumber(totals[1] or 0),
  tonumber(totals[2] or 0),
}
