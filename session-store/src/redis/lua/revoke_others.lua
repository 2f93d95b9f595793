-- Ends a user's sessions but one, as many as one run ends.
--
-- KEYS[1] the record of the session to keep
-- ARGV[1] reason
-- Returns how many have ended, where none is left; otherwise { is there such a session, ended in this
-- run, left to end, its record }; the record only where it can't be read.

include 'parts/begin'
include 'parts/clock'
include 'parts/reading'

if not record or (is_readable and expires < now) then
  return { 0, 0, 0, '' }
end
if not is_readable then
  return { 0, 0, 0, record }
end
local reason, keep = ARGV[1], sub(KEYS[1], -16)
local index = base .. 'u:' .. owner
include 'parts/revoking'
return left == 0 and count or { 1, count, left, '' }
