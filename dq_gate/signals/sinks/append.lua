-- Append event lines to a stream, once, however often the batch is sent.
--
-- KEYS[1]  the stream
-- KEYS[2]  the number of the last batch that this writer appended; gone an hour after it
-- ARGV[1]  this batch's number, higher than the one before
-- ARGV[2]  entries that the stream keeps, about
-- ARGV[3…] the lines
--
-- Returns 1 if it appended them, 0 if it had done so before.
if tonumber(redis.call('GET', KEYS[2]) or '-1') >= tonumber(ARGV[1]) then
  return 0
end
for index = 3, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'line', ARGV[index])
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 3600)
return 1
