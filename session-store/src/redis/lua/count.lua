-- How many live sessions a user has.
--
-- KEYS[1] the user's index

include 'parts/begin'
include 'parts/clock'

return call('ZCOUNT', KEYS[1], now_score, '+inf')
