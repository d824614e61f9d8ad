-- Have messages about released entries handed out no more. Keys are those of act.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV     messages

local stream = KEYS[1] .. 'released'
redis.call('XACK', stream, 'redrive', unpack(ARGV))
redis.call('XDEL', stream, unpack(ARGV))
