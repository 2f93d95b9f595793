-- Ends a user's sessions, as many as one run ends.
--
-- KEYS[1] the user's index
-- ARGV[1] reason
-- Returns how many have ended, where none is left; otherwise { is the user known, ended in this run,
-- left to end, '' }.

include 'parts/begin'
include 'parts/clock'

local owner, index, reason, keep = sub(KEYS[1], BASE + 3), KEYS[1], ARGV[1], nil
include 'parts/revoking'
if count == 0 and call('EXISTS', index) == 0 then
  return { 0, 0, 0, '' }
end
return left == 0 and count or { 1, count, left, '' }
