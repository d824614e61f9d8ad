-- How large each group is. Keys are those of put.lua.
--
-- KEYS[1]  p, the namespace's prefix `dq:{namespace}:`
--
-- Returns fingerprints and scores in turn: open entries * 2^32 + inputs.

return redis.call('ZRANGE', KEYS[1] .. 'groups', 0, -1, 'WITHSCORES')
