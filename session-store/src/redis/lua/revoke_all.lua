-- Ends a user's sessions, as many as one run ends.
--
-- KEYS[1] the user's index
-- ARGV[1] user id   ARGV[2] reason
-- Returns { is the user known, ended in this run, left to end, '' }.

include 'parts/begin'
include 'parts/clock'

local owner, reason, keep = ARGV[1], ARGV[2], nil
local index = KEYS[1]
include 'parts/revoking'
if count == 0 and call('EXISTS', index) == 0 then
  return { 0, 0, 0, '' }
end
return { 1, count, left, '' }
