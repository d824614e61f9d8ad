-- Settle a delivery, or give it up.
--
-- Keys are those of commit.lua, and:
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
--   p standing  hash  firings that were settled and whose resolution was neither settled nor given up: number and
--                     delivery, by notifier and alert id, with a space between them
-- ARGV[1]  the delivery's number
-- ARGV[2]  `settled`, or a note for the history: why it was given up
-- ARGV[3]  notes that the history holds

local p, number = KEYS[1], ARGV[1]
local text = redis.call('HGET', p .. 'outbox', number)
if not text then return end
local delivery = cjson.decode(text)
local name = delivery.notifier .. ' ' .. delivery.id
if not delivery.is_firing then redis.call('HDEL', p .. 'standing', name) end
if ARGV[2] == 'settled' then
  if delivery.is_firing then redis.call('HSET', p .. 'standing', name, number .. ' ' .. text) end
else
  redis.call('XADD', p .. 'history', 'MAXLEN', '~', ARGV[3], '*', 'note', ARGV[2])
end
redis.call('HDEL', p .. 'outbox', number)
redis.call('ZREM', p .. 'queue', number)
