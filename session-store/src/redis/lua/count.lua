-- How many live sessions a user has.
--
-- KEYS[1] the user's index

return redis.call('ZCOUNT', KEYS[1], now, '+inf')
