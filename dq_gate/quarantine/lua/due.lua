-- Ids of leased entries whose lease ran out, longest overdue first. Keys are those of act.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  now
-- ARGV[2]  how many

return redis.call('ZRANGE', KEYS[1] .. 'leases', '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
