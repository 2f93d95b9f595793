-- Ends one session.
--
-- KEYS[1] the session's record
-- ARGV[1] token's verifier, empty = by id   ARGV[2] reason
-- Returns { now, record as it was }; nil where there is no such session (any more).

include 'parts/begin'
include 'parts/clock'
include 'parts/reading'

local verifier = ARGV[1]
if not record then
  return nil
end
if is_readable then
  if expires < now or (verifier ~= '' and sub(record, 26, 41) ~= verifier) then
    return nil
  end
  call('UNLINK', KEYS[1])
  local index, stubs = base .. 'u:' .. owner, base .. 'd:' .. owner
  local ending, scores, news = {}
  include 'parts/settling'
  local n = #ending
  ending[n + 1], ending[n + 2] = sub(KEYS[1], -16) .. sub(record, 2, 7), ARGV[2]
  ending[n + 3], ending[n + 4] = record, now
  include 'parts/ending'
  include 'parts/telling'
elseif verifier == '' then
  -- Whose it was can't be read: it ends here, and the next listing takes it out of the index.
  call('UNLINK', KEYS[1])
end
return { now, record }
