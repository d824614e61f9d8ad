-- Hand released entries to a consumer: first what another was given long ago, then what is new. Keys are those of
-- act.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  the consumer's name
-- ARGV[2]  how many
-- ARGV[3]  milliseconds without an acknowledgement after which a message is handed out again
--
-- Returns per entry: the message, then the id.

local stream, consumer, wanted, idle = KEYS[1] .. 'released', ARGV[1], tonumber(ARGV[2]), ARGV[3]
local GROUP, MOST_LOOKS = 'redrive', 10
local found = {}

local function add(messages)
  for _, message in ipairs(messages) do
    found[#found + 1] = message[1]
    found[#found + 1] = message[2][2]
  end
end

-- One look goes over ten times as many as it may claim, so that the idle may lie behind the busy.
local function claim_idle()
  local start = '0-0'
  for _ = 1, MOST_LOOKS do
    local claimed = redis.pcall('XAUTOCLAIM', stream, GROUP, consumer, idle, start, 'COUNT', wanted - #found / 2)
    if claimed.err then return false end
    add(claimed[2])
    start = claimed[1]
    if start == '0-0' or #found >= 2 * wanted then break end
  end
  return true
end

if not claim_idle() then redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM') end
if #found < 2 * wanted then
  local new = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', wanted - #found / 2, 'STREAMS', stream, '>')
  if new then add(new[1][2]) end
end
return found
