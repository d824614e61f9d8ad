-- Deliveries that are to be tried now or were never tried, in the order they were committed; of one alert id, only the oldest.
--
-- Keys are those of commit.lua.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
-- ARGV[1]  notifier
-- ARGV[2]  now
-- ARGV[3]  how many
-- ARGV[4]  the fence's number
--
-- Returns numbers and deliveries in turn; nothing when another evaluator took over, which delivers them itself.

if redis.call('GET', KEYS[1] .. 'fence') ~= ARGV[4] then return {} end
local p, now, limit = KEYS[1], tonumber(ARGV[2]), 2 * tonumber(ARGV[3])
local found, seen = {}, {}
for _, number in ipairs(redis.call('ZRANGE', p .. 'queue', 0, -1)) do
  local text = redis.call('HGET', p .. 'outbox', number)
  local delivery = cjson.decode(text)
  if delivery.notifier == ARGV[1] and not seen[delivery.id] then
    seen[delivery.id] = true
    if delivery.attempts == 0 or delivery.due_at <= now then
      found[#found + 1] = number
      found[#found + 1] = text
      if #found >= limit then break end
    end
  end
end
return found
