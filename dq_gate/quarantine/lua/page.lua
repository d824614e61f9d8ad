-- Ids of entries in the order of created_at, then id; reads only. Keys are those of put.lua.
--
-- Each state is walked along the narrowest of the indexes that the conditions allow; the other conditions are looked
-- up id by id. The states' walks are merged, in one script: an entry that changes state between two pages is
-- neither missed nor given twice.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  how many ids are wanted
-- ARGV[2]  how many entries may be looked at
-- ARGV[3], ARGV[4]  created_at and id to start behind; empty to start at the beginning
-- ARGV[5]  created_at to stop before; `inf` for no end
-- ARGV[6]  created_at to start at, or earlier; empty for the beginning
-- ARGV[7]  states, separated by commas
-- ARGV[8]  a subject's index, `subject:<digest>`; empty for any
-- ARGV[9...]  conditions as index suffixes: `:rule:<rule>`, `:source:<source>`, `:group:<fingerprint>`
--
-- Returns created_at and id of the last entry looked at, or two empty texts when there are no more; then id and
-- created_at of each entry found.

local p, wanted, budget, after_time, after_id = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local stop, since, subject = assert(tonumber(ARGV[5]), 'no time to stop before'), ARGV[6], ARGV[8]
local CHUNK = 128

-- Lua's own `<` on texts follows the server's locale; Redis orders members by their bytes.
local function precedes(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Entries may share a time by the thousand, so the place behind the cursor is found by halving.
local function rank_behind_cursor(key)
  if after_time == '' then return 0 end
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. after_time)
  local high = redis.call('ZCOUNT', key, '-inf', after_time)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if precedes(after_id, redis.call('ZRANGE', key, middle, middle)[1]) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function rank_of_first(key)
  local rank = rank_behind_cursor(key)
  if since == '' then return rank end
  return math.max(rank, redis.call('ZCOUNT', key, '-inf', '(' .. since))
end

local function start_walk(state)
  local all, key, least = { p .. 'i:' .. state }, nil, math.huge
  for n = 9, #ARGV do all[#all + 1] = all[1] .. ARGV[n] end
  local of_subject = subject ~= '' and p .. subject
  if of_subject then all[#all + 1] = of_subject end
  for _, candidate in ipairs(all) do
    local size = redis.call('ZCARD', candidate)
    if size <= least then key, least = candidate, size end
  end
  -- A subject's index holds every state; all others are parts of the first.
  if key ~= of_subject then table.remove(all, 1) end
  return { key = key, others = all, rank = rank_of_first(key), read = {}, at = 1 }
end

local function head(walk)
  if walk.read and walk.at > #walk.read then
    walk.read = redis.call('ZRANGE', walk.key, walk.rank, walk.rank + CHUNK - 1, 'WITHSCORES')
    walk.rank, walk.at = walk.rank + CHUNK, 1
    if #walk.read == 0 then walk.read = nil end
  end
  if walk.read then return walk.read[walk.at], walk.read[walk.at + 1] end
end

local function next_walk(walks)
  local first, first_id, first_time
  for _, walk in ipairs(walks) do
    local id, text = head(walk)
    local time = tonumber(text or 'inf')
    if time < stop and (not first or time < first_time or (time == first_time and precedes(id, first_id))) then
      first, first_id, first_time = walk, id, time
    end
  end
  return first
end

local function fits(walk, id)
  for _, key in ipairs(walk.others) do
    if key ~= walk.key and not redis.call('ZSCORE', key, id) then return false end
  end
  return true
end

local walks, found, last_time, last_id = {}, {}, '', ''
for state in string.gmatch(ARGV[7], '[^,]+') do walks[#walks + 1] = start_walk(state) end
local walk = next_walk(walks)
while walk and budget > 0 and #found < 2 * wanted do
  last_id, last_time = head(walk)
  if fits(walk, last_id) then
    found[#found + 1] = last_id
    found[#found + 1] = last_time
  end
  walk.at = walk.at + 2
  budget = budget - 1
  walk = next_walk(walks)
end
if not walk then last_time, last_id = '', '' end
return { last_time, last_id, unpack(found) }
