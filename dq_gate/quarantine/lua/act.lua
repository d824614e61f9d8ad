-- Carry out one action on several entries, each atomically.
--
-- Everything is read and checked before the first write. Keys are those of put.lua, and:
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
--   p h:<id>     list    history, one JSON object an item
--   p w:<id>     list    waivers, one JSON object an item
--   p leases     zset    ids of leased entries by the time their lease runs out
--   p released   stream  one message per released entry (its id) until it is acknowledged or the entry leaves that
--                        state; the entry's field `message` names it. Read through the consumer group `redrive`
-- ARGV[1]  JSON, in which what does not apply is left out and times are texts, because Lua would round them:
--            ids
--            sources                     states the action may start from
--            target                      state it leads to; without it the state stays
--            closes                      it ends the entry's being open
--            asks                        what it asks of a lease: `takes`, `needs`, `lapsed` (it must have run out)
--            at, token                   time of the action, and the caller's lease token
--            lease                       the new lease: token, owner, until
--            keeps_lease                 it leaves the lease as it is
--            not_before                  it adds an attempt, and the entry is not redriven before this time
--            waits                       it is refused before the entry's own not_before
--            verdict, note, waivers      what to record; note and each waiver a JSON object as text
--            revision, subjects          of the body that it replaces, and of the new one
-- ARGV[2]  the new body, for an action that replaces it
--
-- Returns one of `done`, `not_found`, `wrong_state`, `lease_lost`, `too_early`, `changed` per id.

local p, act, body = KEYS[1], cjson.decode(ARGV[1]), ARGV[2]
local now = assert(tonumber(act.at), 'no time of the action')
local COUNT_LIMIT = 4294967296
local starts_from = {}
for _, state in ipairs(act.sources) do starts_from[state] = true end

local entries, groups = {}, {}

local function read(id)
  if entries[id] then return entries[id] end
  local fields, entry = redis.call('HGETALL', p .. 'e:' .. id), {}
  for n = 1, #fields, 2 do entry[fields[n]] = fields[n + 1] end
  entries[id] = entry
  return entry
end

local function holds(entry)
  local runs = (tonumber(entry['until']) or -math.huge) > now
  if act.asks == 'takes' then return not runs or entry.token == act.lease.token end
  if act.asks == 'needs' then return runs and entry.token == act.token end
  if act.asks == 'lapsed' then return not runs end
  return true
end

local function judge(entry)
  if not entry.state or entry.state == 'purged' then return 'not_found' end
  if not starts_from[entry.state] then return 'wrong_state' end
  if not holds(entry) then return 'lease_lost' end
  if act.waits and (tonumber(entry.not_before) or 0) > now then return 'too_early' end
  if act.revision and (tonumber(entry.revision) or 0) ~= act.revision then return 'changed' end
  return 'done'
end

-- What entries move from and to is gathered by index, so that each index is written once.
local left, entered, open_by_rule, open_by_source = {}, {}, {}, {}

local function gather(lists, key)
  local list = lists[key] or {}
  lists[key] = list
  return list
end

local function move_in(suffix, id, entry, target)
  local leaving = gather(left, 'i:' .. entry.state .. suffix)
  local entering = gather(entered, 'i:' .. target .. suffix)
  leaving[#leaving + 1] = id
  entering[#entering + 1] = entry.created
  entering[#entering + 1] = id
end

local function move(id, entry, target)
  move_in('', id, entry, target)
  move_in(':source:' .. entry.source, id, entry, target)
  move_in(':group:' .. entry.group, id, entry, target)
  local n = 1
  while entry['r' .. n] do
    move_in(':rule:' .. entry['r' .. n], id, entry, target)
    n = n + 1
  end
end

local function close(entry)
  open_by_source[entry.source] = (open_by_source[entry.source] or 0) - 1
  local n = 1
  while entry['r' .. n] do
    open_by_rule[entry['r' .. n]] = (open_by_rule[entry['r' .. n]] or 0) - 1
    n = n + 1
  end
  local group = groups[entry.group]
  if not group then
    local kept = redis.call('HMGET', p .. 'g:' .. entry.group, 'open', 'count')
    group = { open = assert(tonumber(kept[1] or nil)), count = assert(tonumber(kept[2] or nil)) }
    groups[entry.group] = group
  end
  group.open = group.open - 1
end

local done = {}

local function plan(id, entry)
  local from, target = entry.state, act.target or entry.state
  local step = { id = id, entry = entry, was_leased = from == 'leased' }
  if from ~= target then
    move(id, entry, target)
    if from == 'released' then step.unannounced, entry.message = entry.message, '' end
    step.announces = target == 'released'
  end
  if act.closes then close(entry) end
  entry.state = target
  if not act.keeps_lease then
    local lease = act.lease or {}
    entry.token, entry.owner, entry['until'] = lease.token or '', lease.owner or '', lease['until'] or ''
  end
  if act.not_before then
    entry.attempts, entry.not_before = tonumber(entry.attempts) + 1, act.not_before
  end
  done[#done + 1] = step
end

local results = {}
for n, id in ipairs(act.ids) do
  local entry = read(id)
  results[n] = judge(entry)
  if results[n] == 'done' then plan(id, entry) end
end

local function replace_body(id, entry)
  local key, fields, n = p .. 'e:' .. id, { 'size', #body, 'revision', act.revision + 1 }, 1
  while entry['s' .. n] do
    redis.call('ZREM', p .. 'subject:' .. entry['s' .. n], id)
    redis.call('HDEL', key, 's' .. n)
    n = n + 1
  end
  for m, subject in ipairs(act.subjects) do
    redis.call('ZADD', p .. 'subject:' .. subject, entry.created, id)
    fields[#fields + 1] = 's' .. m
    fields[#fields + 1] = subject
  end
  redis.call('SET', p .. 'b:' .. id, body)
  redis.call('HSET', key, unpack(fields))
  redis.call('HINCRBY', p .. 'meta', 'bytes', #body - (tonumber(entry.size) or 0))
end

local unleased, leased = {}, {}

local function write(step)
  local id, entry = step.id, step.entry
  local fields = { 'state', entry.state }
  local function set(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if not act.keeps_lease then
    set('token', entry.token)
    set('owner', entry.owner)
    set('until', entry['until'])
    if entry.state == 'leased' then
      leased[#leased + 1] = entry['until']
      leased[#leased + 1] = id
    elseif step.was_leased then
      unleased[#unleased + 1] = id
    end
  end
  if act.not_before then
    set('attempts', entry.attempts)
    set('not_before', entry.not_before)
  end
  if act.verdict then set('verdict', act.verdict) end
  if step.announces then set('message', redis.call('XADD', p .. 'released', '*', 'id', id)) end
  if step.unannounced and step.unannounced ~= '' then
    redis.call('XACK', p .. 'released', 'redrive', step.unannounced)
    redis.call('XDEL', p .. 'released', step.unannounced)
    set('message', '')
  end
  redis.call('HSET', p .. 'e:' .. id, unpack(fields))
  redis.call('RPUSH', p .. 'h:' .. id, act.note)
  if #act.waivers > 0 then redis.call('RPUSH', p .. 'w:' .. id, unpack(act.waivers)) end
  if body then replace_body(id, entry) end
end

for key, ids in pairs(left) do redis.call('ZREM', p .. key, unpack(ids)) end
for key, scored in pairs(entered) do redis.call('ZADD', p .. key, unpack(scored)) end
for source, n in pairs(open_by_source) do redis.call('HINCRBY', p .. 'open:source', source, n) end
for rule, n in pairs(open_by_rule) do redis.call('HINCRBY', p .. 'open:rule', rule, n) end
for fingerprint, group in pairs(groups) do
  redis.call('HSET', p .. 'g:' .. fingerprint, 'open', group.open)
  redis.call('ZADD', p .. 'groups', group.open * COUNT_LIMIT + math.min(group.count, COUNT_LIMIT - 1), fingerprint)
end
for _, step in ipairs(done) do write(step) end
if #unleased > 0 then redis.call('ZREM', p .. 'leases', unpack(unleased)) end
if #leased > 0 then redis.call('ZADD', p .. 'leases', unpack(leased)) end
return results
