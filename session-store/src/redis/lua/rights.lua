-- Which right the connection's user lacks. A script that is refused a command half-way leaves its
-- change half done, so this is asked before there is one.
--
-- ARGV[1] a key as the store has them   ARGV[2] channel for events
-- Returns the name of the first command that isn't allowed; nil where all are.

local key, channel = ARGV[1], ARGV[2]
local needed = {
  { 'TIME' },
  { 'EXISTS', key }, { 'UNLINK', key }, { 'PEXPIREAT', key, 1 },
  { 'GET', key }, { 'GETDEL', key }, { 'MGET', key, key }, { 'GETRANGE', key, 0, 1 }, { 'SET', key, '' }, { 'SETRANGE', key, 0, '' },
  { 'ZADD', key, 1, '' }, { 'ZREM', key, '' }, { 'ZSCORE', key, '' }, { 'ZCARD', key }, { 'ZCOUNT', key, 0, 1 },
  { 'ZRANGEBYSCORE', key, 0, 1 }, { 'ZREVRANGEBYSCORE', key, 1, 0 },
  { 'ZREMRANGEBYSCORE', key, 0, 1 }, { 'ZREMRANGEBYRANK', key, 0, 1 },
  { 'HGET', key, '' }, { 'HSET', key, '', '' }, { 'HDEL', key, '' },
  { 'LPUSH', key, '' }, { 'LTRIM', key, 0, 1 }, { 'LINDEX', key, 0 }, { 'RPOP', key }, { 'LRANGE', key, 0, 1 },
  { 'PUBLISH', channel, '' },
}
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then
    return command[1]
  end
end
return false
