-- Keep new entries, each once.
--
-- Everything is read and checked before the first write, because a script that fails midway keeps what it wrote.
-- It writes with HSET, HINCRBY, SET and ZADD and reads with HMGET, and nothing else: a producer's Redis user
-- may be limited to these, with EXISTS for schema.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`. All other keys begin with it, so one slot holds them:
--   p e:<id>                              hash    the entry's small fields: state created source group size seen
--                                                 attempts r1 r2 ... (its rules) s1 s2 ... (its subjects), later token
--                                                 owner until verdict not_before revision message; or a tombstone:
--                                                 state (`purged`) and seen, with a time to live
--   p b:<id>                              string  the entry's body
--   p i:<state>                           zset    ids by created_at
--   p i:<state>:rule:<rule>               zset    the same, of one rule
--   p i:<state>:source:<source>           zset    the same, of one source
--   p i:<state>:group:<fingerprint>       zset    the same, of one group
--   p subject:<digest>                    zset    ids by created_at of one subject, in any state
--   p g:<fingerprint>                     hash    the group: source pack rules count open counted_only first_seen
--                                                 last_seen sample sample_at, and totalled: how much of counted_only
--                                                 is in the total (the release before knows no total)
--   p groups                              zset    fingerprints by open * 2^32 + count
--   p open:rule, p open:source            hash    open entries by rule, by source
--   p meta                                hash    schema, shards, bytes (of all bodies whose entry has a size),
--                                                 counted_only
--   p forgotten                           hash    subjects whose data was erased, and when
-- ARGV[1]     JSON: max_open (open entries a group may hold), max_bytes (of all bodies; 0 for any), schema, and
--             entries: each id, created, source, pack, group, rules, subjects. Times are texts, because Lua would round
--             them
-- ARGV[2...]  the entries' bodies
--
-- Returns one of `created`, `seen`, `counted`, `erased` per entry.

local p, put = KEYS[1], cjson.decode(ARGV[1])
local COUNT_LIMIT = 4294967296

local function read_group(fingerprint)
  local kept = redis.call('HMGET', p .. 'g:' .. fingerprint,
    'open', 'count', 'counted_only', 'first_seen', 'last_seen', 'sample', 'sample_at', 'totalled')
  return {
    open = tonumber(kept[1] or 0),
    count = tonumber(kept[2] or 0),
    counted_only = tonumber(kept[3] or 0),
    first_seen = kept[4],
    last_seen = kept[5],
    sample = kept[6] or '',
    sample_at = kept[7] or '-inf',
    totalled = tonumber(kept[8] or 0),
    head = {},
  }
end

local function is_forgotten(entry)
  if #entry.subjects == 0 then return false end
  for _, at in ipairs(redis.call('HMGET', p .. 'forgotten', unpack(entry.subjects))) do
    if at and entry.time <= tonumber(at) then return true end
  end
  return false
end

local groups, known = {}, {}
for n, entry in ipairs(put.entries) do
  entry.body = assert(ARGV[n + 1], 'an entry lacks its body')
  entry.time = assert(tonumber(entry.created), 'created_at is no number')
  entry.forgotten = is_forgotten(entry)
  groups[entry.group] = groups[entry.group] or read_group(entry.group)
  local kept = redis.call('HMGET', p .. 'e:' .. entry.id, 'state', 'created')
  known[entry.id] = kept[1] and (kept[2] or '')
end
local meta = redis.call('HMGET', p .. 'meta', 'schema', 'bytes')
local bytes_before = tonumber(meta[2] or 0)
local bytes = bytes_before

local index, open_by_rule, open_by_source, touched = {}, {}, {}, {}

local function note(key, entry)
  local pairs_of_key = index[key] or {}
  index[key] = pairs_of_key
  pairs_of_key[#pairs_of_key + 1] = entry.created
  pairs_of_key[#pairs_of_key + 1] = entry.id
end

local function keep(entry)
  local fields = { 'state', 'pending', 'created', entry.created, 'source', entry.source,
    'group', entry.group, 'size', #entry.body, 'seen', '1', 'attempts', '0' }
  note('i:pending', entry)
  note('i:pending:source:' .. entry.source, entry)
  note('i:pending:group:' .. entry.group, entry)
  open_by_source[entry.source] = (open_by_source[entry.source] or 0) + 1
  for n, rule in ipairs(entry.rules) do
    fields[#fields + 1] = 'r' .. n
    fields[#fields + 1] = rule
    note('i:pending:rule:' .. rule, entry)
    open_by_rule[rule] = (open_by_rule[rule] or 0) + 1
  end
  for n, subject in ipairs(entry.subjects) do
    fields[#fields + 1] = 's' .. n
    fields[#fields + 1] = subject
    note('subject:' .. subject, entry)
  end
  redis.call('HSET', p .. 'e:' .. entry.id, unpack(fields))
  redis.call('SET', p .. 'b:' .. entry.id, entry.body)
  bytes = bytes + #entry.body
end

local function count(entry, group)
  touched[entry.group] = true
  if group.count == 0 then
    local rules = #entry.rules > 0 and cjson.encode(entry.rules) or '[]'
    group.head = { 'source', entry.source, 'pack', entry.pack, 'rules', rules }
    group.first_seen, group.last_seen = entry.created, entry.created
  end
  group.count = group.count + 1
  if entry.time < tonumber(group.first_seen) then group.first_seen = entry.created end
  if entry.time > tonumber(group.last_seen) then group.last_seen = entry.created end
end

local function is_full(entry, group)
  return group.open >= put.max_open or (put.max_bytes > 0 and bytes + #entry.body > put.max_bytes)
end

local results = {}
for n, entry in ipairs(put.entries) do
  local group = groups[entry.group]
  if known[entry.id] then
    -- Of the same moment, it is the same sighting, put once more because the first answer did not arrive.
    if known[entry.id] ~= entry.created then redis.call('HINCRBY', p .. 'e:' .. entry.id, 'seen', 1) end
    results[n] = 'seen'
  elseif entry.forgotten or is_full(entry, group) then
    count(entry, group)
    group.counted_only = group.counted_only + 1
    results[n] = entry.forgotten and 'erased' or 'counted'
  else
    keep(entry)
    known[entry.id] = entry.created
    count(entry, group)
    group.open = group.open + 1
    if group.sample_at == '-inf' or entry.time >= tonumber(group.sample_at) then
      group.sample, group.sample_at = entry.id, entry.created
    end
    results[n] = 'created'
  end
end

for key, scored in pairs(index) do redis.call('ZADD', p .. key, unpack(scored)) end
for rule, n in pairs(open_by_rule) do redis.call('HINCRBY', p .. 'open:rule', rule, n) end
for source, n in pairs(open_by_source) do redis.call('HINCRBY', p .. 'open:source', source, n) end
local counted_only = 0
for fingerprint in pairs(touched) do
  local group = groups[fingerprint]
  counted_only = counted_only + group.counted_only - group.totalled
  redis.call('HSET', p .. 'g:' .. fingerprint,
    'open', group.open, 'count', group.count, 'counted_only', group.counted_only, 'totalled', group.counted_only,
    'first_seen', group.first_seen, 'last_seen', group.last_seen,
    'sample', group.sample, 'sample_at', group.sample_at, unpack(group.head))
  redis.call('ZADD', p .. 'groups', group.open * COUNT_LIMIT + math.min(group.count, COUNT_LIMIT - 1), fingerprint)
end
if bytes ~= bytes_before then redis.call('HINCRBY', p .. 'meta', 'bytes', bytes - bytes_before) end
if counted_only ~= 0 then redis.call('HINCRBY', p .. 'meta', 'counted_only', counted_only) end
-- A server that lost its data forgot that this namespace is not of the first schema.
if put.schema > 1 and not meta[1] then redis.call('HSET', p .. 'meta', 'schema', put.schema) end
return results
