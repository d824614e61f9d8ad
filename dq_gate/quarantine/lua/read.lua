-- Read entries, each with all its parts as of one moment. Keys are those of put.lua and act.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     ids
--
-- Returns per id: nothing, or its small fields (name, value, ...), body, history and waivers.

local p, found = KEYS[1], {}
for n, id in ipairs(ARGV) do
  local body = redis.call('GET', p .. 'b:' .. id)
  found[n] = body and {
    redis.call('HGETALL', p .. 'e:' .. id),
    body,
    redis.call('LRANGE', p .. 'h:' .. id, 0, -1),
    redis.call('LRANGE', p .. 'w:' .. id, 0, -1),
  }
end
return found
