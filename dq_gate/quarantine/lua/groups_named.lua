-- Some groups. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     fingerprints
--
-- Returns per group: its fields (name, value, ...); none when there is no such group.

local found = {}
for n, fingerprint in ipairs(ARGV) do found[n] = redis.call('HGETALL', KEYS[1] .. 'g:' .. fingerprint) end
return found
