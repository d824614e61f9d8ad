-- Remove closed entries for good, each atomically, and leave a tombstone that keeps late duplicates away.
--
-- Everything is read and checked before the first write. Keys are those of put.lua and act.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  time until which the tombstones stay, in milliseconds since the epoch
-- ARGV[2]  states an entry may be purged in, separated by commas
-- ARGV[3]  all states, separated by commas
-- ARGV[4...]  ids
--
-- Returns one of `done`, `not_found`, `wrong_state` per id.

local p, until_ms, closed = KEYS[1], assert(tonumber(ARGV[1]), 'no time'), ',' .. ARGV[2] .. ','

local entries, groups = {}, {}

local function read(id)
  local fields, entry = redis.call('HGETALL', p .. 'e:' .. id), {}
  for n = 1, #fields, 2 do entry[fields[n]] = fields[n + 1] end
  return entry
end

local function read_group(fingerprint)
  local kept = redis.call('HMGET', p .. 'g:' .. fingerprint, 'sample')
  return { sample = kept[1] }
end

local results, gone, bytes = {}, {}, 0
for n = 4, #ARGV do
  local id = ARGV[n]
  local entry = gone[id] and {} or read(id)
  if not entry.state or entry.state == 'purged' then
    results[n - 3] = 'not_found'
  elseif not string.find(closed, ',' .. entry.state .. ',', 1, true) then
    results[n - 3] = 'wrong_state'
  else
    results[n - 3] = 'done'
    gone[id], entries[#entries + 1] = true, { id = id, fields = entry }
    groups[entry.group] = groups[entry.group] or read_group(entry.group)
    bytes = bytes + (tonumber(entry.size) or 0)
  end
end

local function each(fields, letter, visit)
  local n = 1
  while fields[letter .. n] do
    visit(fields[letter .. n])
    n = n + 1
  end
end

local function remove(id, fields)
  local index = p .. 'i:' .. fields.state
  redis.call('ZREM', index, id)
  redis.call('ZREM', index .. ':source:' .. fields.source, id)
  redis.call('ZREM', index .. ':group:' .. fields.group, id)
  each(fields, 'r', function(rule) redis.call('ZREM', index .. ':rule:' .. rule, id) end)
  each(fields, 's', function(subject) redis.call('ZREM', p .. 'subject:' .. subject, id) end)
  redis.call('DEL', p .. 'b:' .. id, p .. 'h:' .. id, p .. 'w:' .. id, p .. 'e:' .. id)
  redis.call('HSET', p .. 'e:' .. id, 'state', 'purged', 'seen', fields.seen)
  redis.call('PEXPIREAT', p .. 'e:' .. id, until_ms)
end

-- Lua's own `<` on texts follows the server's locale; Redis orders members by their bytes.
local function precedes(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The newest that is left, by time, then by id: what the sample would be had the purged ones never been.
local function newest_of(fingerprint)
  local newest, newest_at = '', '-inf'
  for state in string.gmatch(ARGV[3], '[^,]+') do
    local key = p .. 'i:' .. state .. ':group:' .. fingerprint
    local last = redis.call('ZRANGE', key, 0, 0, 'REV', 'WITHSCORES')
    local at = tonumber(last[2] or '-inf')
    if last[1] and (at > tonumber(newest_at) or (at == tonumber(newest_at) and precedes(newest, last[1]))) then
      newest, newest_at = last[1], last[2]
    end
  end
  return newest, newest_at
end

for _, entry in ipairs(entries) do remove(entry.id, entry.fields) end
for fingerprint, group in pairs(groups) do
  if gone[group.sample] then
    local sample, at = newest_of(fingerprint)
    redis.call('HSET', p .. 'g:' .. fingerprint, 'sample', sample, 'sample_at', at)
  end
end
if bytes > 0 then redis.call('HINCRBY', p .. 'meta', 'bytes', -bytes) end
return results
