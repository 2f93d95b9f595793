-- Tries every command that the other scripts call, on keys that are gone afterwards. A right that is
-- missing would break a script off in the middle of its changes, so it has to be found out before.
--
-- KEYS[1] a key of no user, the beginning of the keys that are tried
-- Returns nothing; the error of the first command that is refused.

local record, index = KEYS[1] .. ':s', KEYS[1] .. ':u'
local stubs, history = KEYS[1] .. ':d', KEYS[1] .. ':h'
local soon = string.format('%.0f', now + 60000)

redis.call('SET', record, 'x', 'PXAT', soon)
redis.call('SETRANGE', record, 0, 'y')
redis.call('SET', record, 'x', 'KEEPTTL')
redis.call('PEXPIREAT', record, soon)
for _, read in ipairs({ 'GET', 'MGET', 'EXISTS', 'PTTL', 'PEXPIRETIME' }) do
  redis.call(read, record)
end
redis.call('GETRANGE', record, 0, 1)
redis.call('ZADD', index, -1, '@')
redis.call('PEXPIREAT', index, soon)
redis.call('ZSCORE', index, '@')
redis.call('ZCOUNT', index, 0, 1)
redis.call('ZRANGEBYSCORE', index, 0, 1)
redis.call('ZREMRANGEBYSCORE', index, 0, 1)
redis.call('ZREMRANGEBYRANK', index, 1, 1)
redis.call('ZREM', index, 'x')
redis.call('HSET', stubs, 'x', 'x')
redis.call('PEXPIREAT', stubs, soon)
redis.call('HGET', stubs, 'x')
redis.call('HDEL', stubs, 'y')
redis.call('LPUSH', history, 'x')
redis.call('PEXPIREAT', history, soon)
redis.call('LTRIM', history, 0, 1)
redis.call('LINDEX', history, -1)
redis.call('LRANGE', history, 0, -1)
redis.call('RPOP', history)
redis.call('PUBLISH', channel, 'connected')
redis.call('UNLINK', record, index, stubs, history)
