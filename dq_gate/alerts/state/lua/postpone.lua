-- Note a failed attempt. Keys are those of commit.lua.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
-- ARGV[1]  the delivery's number
-- ARGV[2]  when it is to be tried next
-- ARGV[3]  why it failed

local text = redis.call('HGET', KEYS[1] .. 'outbox', ARGV[1])
if not text then return end
local delivery = cjson.decode(text)
delivery.attempts = delivery.attempts + 1
delivery.due_at = tonumber(ARGV[2])
delivery.error = ARGV[3]
redis.call('HSET', KEYS[1] .. 'outbox', ARGV[1], cjson.encode(delivery))
