-- Carry out one action on several entries, each atomically; keys are those of put.lua, and:
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
--   p h:<id>     list  history, one JSON object an item
--   p w:<id>     list  waivers, one JSON object an item
--   p leases     zset  ids of leased entries by the time their lease runs out
-- ARGV[1]   states the action may start from, separated by commas
-- ARGV[2]   state it leads to
-- ARGV[3]   1 when it ends the entry's being open
-- ARGV[4]   what it asks of a lease: `takes`, `needs`, `lapsed` (it must have run out) or ``
-- ARGV[5]   what it adds to attempts: 0 or 1
-- ARGV[6]   time of the action
-- ARGV[7]   the caller's lease token
-- ARGV[8], ARGV[9], ARGV[10]  the new lease: token, owner, until; empty for none
-- ARGV[11]  verdict, or empty
-- ARGV[12]  history item
-- ARGV[13]  waivers, a JSON list of texts
-- ARGV[14...]  ids
--
-- Returns one of `done`, `not_found`, `wrong_state`, `lease_lost` per id.

local p, sources, target, closes, asks = KEYS[1], ',' .. ARGV[1] .. ',', ARGV[2], ARGV[3] == '1', ARGV[4]
local attempts, now, token, verdict, history_item = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[11], ARGV[12]
local lease = { token = ARGV[8], owner = ARGV[9], ['until'] = ARGV[10] }
local waivers = cjson.decode(ARGV[13])
local COUNT_LIMIT = 4294967296

local function read(id)
  local fields, entry = redis.call('HGETALL', p .. 'e:' .. id), {}
  for n = 1, #fields, 2 do entry[fields[n]] = fields[n + 1] end
  return entry
end

local function holds(entry)
  local runs = (tonumber(entry['until']) or -math.huge) > now
  if asks == 'takes' then return not runs or entry.token == lease.token end
  if asks == 'needs' then return runs and entry.token == token end
  if asks == 'lapsed' then return not runs end
  return true
end

local function each_index(entry, visit)
  visit('')
  visit(':source:' .. entry.source)
  visit(':group:' .. entry.group)
  local n = 1
  while entry['r' .. n] do
    visit(':rule:' .. entry['r' .. n])
    n = n + 1
  end
end

local function close(entry)
  redis.call('HINCRBY', p .. 'open:source', entry.source, -1)
  local n = 1
  while entry['r' .. n] do
    redis.call('HINCRBY', p .. 'open:rule', entry['r' .. n], -1)
    n = n + 1
  end
  local group = p .. 'g:' .. entry.group
  local open = redis.call('HINCRBY', group, 'open', -1)
  local count = tonumber(redis.call('HGET', group, 'count'))
  redis.call('ZADD', p .. 'groups', open * COUNT_LIMIT + math.min(count, COUNT_LIMIT - 1), entry.group)
end

local function write(id, entry)
  local key = p .. 'e:' .. id
  redis.call('HSET', key, 'state', target, 'token', lease.token, 'owner', lease.owner, 'until', lease['until'],
    'attempts', entry.attempts + attempts, 'verdict', verdict ~= '' and verdict or entry.verdict or '')
  if target == 'leased' then
    redis.call('ZADD', p .. 'leases', lease['until'], id)
  else
    redis.call('ZREM', p .. 'leases', id)
  end
  redis.call('RPUSH', p .. 'h:' .. id, history_item)
  if #waivers > 0 then redis.call('RPUSH', p .. 'w:' .. id, unpack(waivers)) end
end

local function move(id, entry)
  each_index(entry, function(suffix)
    redis.call('ZREM', p .. 'i:' .. entry.state .. suffix, id)
    redis.call('ZADD', p .. 'i:' .. target .. suffix, entry.created, id)
  end)
end

local results = {}
for n = 14, #ARGV do
  local id = ARGV[n]
  local entry = read(id)
  local result = 'done'
  if not entry.state then
    result = 'not_found'
  elseif not string.find(sources, ',' .. entry.state .. ',', 1, true) then
    result = 'wrong_state'
  elseif not holds(entry) then
    result = 'lease_lost'
  else
    if entry.state ~= target then move(id, entry) end
    if closes then close(entry) end
    write(id, entry)
  end
  results[#results + 1] = result
end
return results
