-- How many deliveries are neither settled nor given up. Keys are those of commit.lua.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
--
-- Returns notifiers and counts in turn.

local p, counts, names = KEYS[1], {}, {}
for _, number in ipairs(redis.call('ZRANGE', p .. 'queue', 0, -1)) do
  local name = cjson.decode(redis.call('HGET', p .. 'outbox', number)).notifier
  if not counts[name] then names[#names + 1] = name end
  counts[name] = (counts[name] or 0) + 1
end
local found = {}
for _, name in ipairs(names) do
  found[#found + 1] = name
  found[#found + 1] = counts[name]
end
return found
