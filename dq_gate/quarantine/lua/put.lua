-- Keep new entries, each once.
--
-- Everything is read and checked before the first write, because a script that fails midway keeps what it wrote.
-- It writes with HSET, HINCRBY, SET, ZADD and XADD and reads with HMGET, and nothing else: a producer's Redis user
-- may be limited to these.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`. All other keys begin with it, so one slot holds them:
--   p e:<id>                              hash    the entry's small fields: state created source group seen attempts
--                                                 r1 r2 ... (its rules), later token owner until verdict
--   p b:<id>                              string  the entry's body, which never changes
--   p i:<state>                           zset    ids by created_at
--   p i:<state>:rule:<rule>               zset    the same, of one rule
--   p i:<state>:source:<source>           zset    the same, of one source
--   p i:<state>:group:<fingerprint>       zset    the same, of one group
--   p g:<fingerprint>                     hash    the group: source pack rules count open counted_only first_seen
--                                                 last_seen sample sample_at
--   p groups                              zset    fingerprints by open * 2^32 + count
--   p open:rule, p open:source            hash    open entries by rule, by source
--   p changes                             stream  one message per kept entry: id, group
-- ARGV[1]  most open entries a group may hold
-- ARGV[2]  about how many messages the stream keeps
-- ARGV[3...]  7 per entry: id, created_at, source, pack, fingerprint, rules as a JSON list, body
--
-- Returns one of `created`, `seen`, `counted` per entry.

local p, max_open, stream_length = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local FIELDS, COUNT_LIMIT = 7, 4294967296

local function read_entry(at)
  return {
    id = ARGV[at],
    created = ARGV[at + 1],
    time = assert(tonumber(ARGV[at + 1]), 'created_at is no number'),
    source = ARGV[at + 2],
    pack = ARGV[at + 3],
    fingerprint = ARGV[at + 4],
    rules = cjson.decode(ARGV[at + 5]),
    rules_json = ARGV[at + 5],
    body = assert(ARGV[at + 6], 'an entry lacks fields'),
  }
end

local function read_group(fingerprint)
  local kept = redis.call('HMGET', p .. 'g:' .. fingerprint,
    'open', 'count', 'counted_only', 'first_seen', 'last_seen', 'sample', 'sample_at')
  return {
    open = tonumber(kept[1] or 0),
    count = tonumber(kept[2] or 0),
    counted_only = tonumber(kept[3] or 0),
    first_seen = kept[4],
    last_seen = kept[5],
    sample = kept[6] or '',
    sample_at = kept[7] or '-inf',
    head = {},
  }
end

local entries, groups, known, results = {}, {}, {}, {}
for at = 3, #ARGV, FIELDS do
  local entry = read_entry(at)
  entries[#entries + 1] = entry
  groups[entry.fingerprint] = groups[entry.fingerprint] or read_group(entry.fingerprint)
  known[entry.id] = redis.call('HMGET', p .. 'e:' .. entry.id, 'state')[1] ~= false
end

local index, open_by_rule, open_by_source, touched = {}, {}, {}, {}

local function note(key, entry)
  local pairs_of_key = index[key] or {}
  index[key] = pairs_of_key
  pairs_of_key[#pairs_of_key + 1] = entry.created
  pairs_of_key[#pairs_of_key + 1] = entry.id
end

local function keep(entry)
  local fields = { 'state', 'pending', 'created', entry.created, 'source', entry.source,
    'group', entry.fingerprint, 'seen', '1', 'attempts', '0' }
  note('i:pending', entry)
  note('i:pending:source:' .. entry.source, entry)
  note('i:pending:group:' .. entry.fingerprint, entry)
  open_by_source[entry.source] = (open_by_source[entry.source] or 0) + 1
  for n, rule in ipairs(entry.rules) do
    fields[#fields + 1] = 'r' .. n
    fields[#fields + 1] = rule
    note('i:pending:rule:' .. rule, entry)
    open_by_rule[rule] = (open_by_rule[rule] or 0) + 1
  end
  redis.call('HSET', p .. 'e:' .. entry.id, unpack(fields))
  redis.call('SET', p .. 'b:' .. entry.id, entry.body)
  redis.call('XADD', p .. 'changes', 'MAXLEN', '~', stream_length, '*', 'id', entry.id, 'group', entry.fingerprint)
end

local function count(entry, group)
  touched[entry.fingerprint] = true
  if group.count == 0 then
    group.head = { 'source', entry.source, 'pack', entry.pack, 'rules', entry.rules_json }
    group.first_seen, group.last_seen = entry.created, entry.created
  end
  group.count = group.count + 1
  if entry.time < tonumber(group.first_seen) then group.first_seen = entry.created end
  if entry.time > tonumber(group.last_seen) then group.last_seen = entry.created end
end

for n, entry in ipairs(entries) do
  local group = groups[entry.fingerprint]
  if known[entry.id] then
    redis.call('HINCRBY', p .. 'e:' .. entry.id, 'seen', 1)
    results[n] = 'seen'
  elseif group.open >= max_open then
    count(entry, group)
    group.counted_only = group.counted_only + 1
    results[n] = 'counted'
  else
    keep(entry)
    known[entry.id] = true
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
for fingerprint in pairs(touched) do
  local group = groups[fingerprint]
  redis.call('HSET', p .. 'g:' .. fingerprint,
    'open', group.open, 'count', group.count, 'counted_only', group.counted_only,
    'first_seen', group.first_seen, 'last_seen', group.last_seen,
    'sample', group.sample, 'sample_at', group.sample_at, unpack(group.head))
  redis.call('ZADD', p .. 'groups', group.open * COUNT_LIMIT + math.min(group.count, COUNT_LIMIT - 1), fingerprint)
end
return results
