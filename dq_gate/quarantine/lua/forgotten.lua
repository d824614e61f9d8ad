-- Some of the subjects that forget.lua wrote, and when their data was erased. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
-- ARGV[1]  where to go on; `0` at the start
-- ARGV[2]  about how many
--
-- Returns where to go on, `0` at the end; then subjects and times (subject, time, ...). One may come twice.

return redis.call('HSCAN', KEYS[1] .. 'forgotten', ARGV[1], 'COUNT', ARGV[2])
