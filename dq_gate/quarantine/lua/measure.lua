-- Count in the bytes of entries that the release before put, which knows no such count. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     ids

local p, bytes, sizes = KEYS[1], 0, {}
for _, id in ipairs(ARGV) do
  local kept = redis.call('HMGET', p .. 'e:' .. id, 'state', 'size')
  if kept[1] and kept[1] ~= 'purged' and not kept[2] then sizes[id] = redis.call('STRLEN', p .. 'b:' .. id) end
end
for id, size in pairs(sizes) do
  redis.call('HSET', p .. 'e:' .. id, 'size', size)
  bytes = bytes + size
end
if bytes > 0 then redis.call('HINCRBY', p .. 'meta', 'bytes', bytes) end
