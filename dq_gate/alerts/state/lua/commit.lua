-- Keep where a watch stands, what changed and what is to be delivered, all or nothing, and renew the lease.
--
-- Keys are those of acquire.lua, and:
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
--   p watch     hash    positions and engine, each JSON
--   p history   stream  one note an entry, JSON in the field `note`
--   p number    string  of the last delivery
--   p outbox    hash    deliveries by number, JSON: notifier, id, is_firing, alert (JSON as text), attempts, due_at,
--                       created_at
--   p queue     zset    numbers of deliveries that are neither settled nor given up, by number
-- ARGV[1]  token
-- ARGV[2]  the fence's number
-- ARGV[3]  milliseconds that the lease holds from now on
-- ARGV[4]  positions
-- ARGV[5]  engine
-- ARGV[6]  notes that the history holds
-- ARGV[7]  id of the history's oldest entry that is kept
-- ARGV[8]  how many notes follow; then the notes, then deliveries
--
-- Returns 1, or 0 when another evaluator took over.

local p = KEYS[1]
if redis.call('GET', p .. 'fence') ~= ARGV[2] then return 0 end
redis.call('SET', p .. 'lease', ARGV[1], 'PX', ARGV[3])
redis.call('HSET', p .. 'watch', 'positions', ARGV[4], 'engine', ARGV[5])
local first_delivery = 9 + tonumber(ARGV[8])
for n = 9, first_delivery - 1 do
  redis.call('XADD', p .. 'history', 'MAXLEN', '~', ARGV[6], '*', 'note', ARGV[n])
end
if first_delivery > 9 then redis.call('XTRIM', p .. 'history', 'MINID', '~', ARGV[7]) end
for n = first_delivery, #ARGV do
  local number = redis.call('INCR', p .. 'number')
  redis.call('HSET', p .. 'outbox', number, ARGV[n])
  redis.call('ZADD', p .. 'queue', number, number)
end
return 1
