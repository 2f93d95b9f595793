-- Gives a session a new token, and marks it active.
--
-- KEYS[1] the session's record
-- ARGV[1] old token's verifier   ARGV[2] new token's verifier
-- Returns the record as it is now; nil where the old token isn't the session's (any more).

include 'parts/begin'
include 'parts/clock'
include 'parts/reading'

if not record then
  return nil
end
if not is_readable then
  return record
end
if expires < now or sub(record, 26, 41) ~= ARGV[1] then
  return nil
end
record = sub(record, 1, 25) .. ARGV[2] .. sub(record, 42)
local last, what, detail = 41, 'rotated', '-'
include 'parts/refreshing'
