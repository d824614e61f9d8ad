-- Give the lease back, if it is still one's own. Keys are those of acquire.lua.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
-- ARGV[1]  token

if redis.call('GET', KEYS[1] .. 'lease') == ARGV[1] then redis.call('DEL', KEYS[1] .. 'lease') end
