-- Counts one more, unless it is too many: the generic cell rate algorithm. What is kept is the moment
-- from which on nothing would be counted any more.
-- <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>
--
-- KEYS[1] who is counted
-- ARGV[1] from one to the next, µs   ARGV[2] the period, µs
-- Returns how long to wait, ms; 0 where it has been counted.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local from = tonumber(redis.call('GET', KEYS[1]) or now)
-- Never later than a full period: a clock that was ahead locks nobody out.
from = math.min(math.max(from, now), now + ARGV[2]) + ARGV[1]
local wait = from - now - ARGV[2]
if wait > 0 then
  return math.ceil(wait / 1000)
end
redis.call('SET', KEYS[1], string.format('%d', from), 'PX', string.format('%d', math.ceil((from - now) / 1000)))
return 0
