-- Count in what groups only counted while the release before, which knows no such total, put entries. Keys are those
-- of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  where to go on; `0` at the start
-- ARGV[2]  about how many groups
--
-- Returns where to go on; `0` at the end.

local p, total, counts = KEYS[1], 0, {}
local scanned = redis.call('ZSCAN', p .. 'groups', ARGV[1], 'COUNT', ARGV[2])
for n = 1, #scanned[2], 2 do
  local key = p .. 'g:' .. scanned[2][n]
  if not counts[key] then
    local kept = redis.call('HMGET', key, 'counted_only', 'totalled')
    counts[key] = tonumber(kept[1] or 0)
    total = total + counts[key] - tonumber(kept[2] or 0)
  end
end
for key, count in pairs(counts) do redis.call('HSET', key, 'totalled', count) end
if total ~= 0 then redis.call('HINCRBY', p .. 'meta', 'counted_only', total) end
return scanned[1]
