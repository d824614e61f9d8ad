-- Take the lease of an alert pack, if nobody holds it.
--
-- KEYS[1]  p, the pack's prefix `dq:alerts:{namespace/pack}:`
--   p lease    string  token of the evaluator at work, until it runs out
--   p fence    string  how often the lease went to somebody: what a late evaluator's number is less than
--   p schema   string  version of all these keys
-- ARGV[1]  token
-- ARGV[2]  milliseconds that it holds
-- ARGV[3]  version that this release reads
--
-- Returns `taken` and the fence's number, `held` and the holder's token, or `schema` and the version found.

local p = KEYS[1]
local schema = redis.call('GET', p .. 'schema')
if schema and schema ~= ARGV[3] then return {'schema', schema} end
if not redis.call('SET', p .. 'lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {'held', redis.call('GET', p .. 'lease')}
end
redis.call('SET', p .. 'schema', ARGV[3])
return {'taken', tostring(redis.call('INCR', p .. 'fence'))}
