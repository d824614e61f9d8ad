-- The groups with the most open entries, then the most inputs. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  how many
--
-- Returns per group: its fingerprint, then its fields (name, value, ...).

local p, found = KEYS[1], {}
for n, fingerprint in ipairs(redis.call('ZREVRANGE', p .. 'groups', 0, ARGV[1] - 1)) do
  found[n] = { fingerprint, unpack(redis.call('HGETALL', p .. 'g:' .. fingerprint)) }
end
return found
