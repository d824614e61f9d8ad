-- Learn whether the server takes writes: one that is full, or a replica, still answers PING.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
--   p probe  hash  nothing of interest

redis.call('HSET', KEYS[1] .. 'probe', 'written', '1')
