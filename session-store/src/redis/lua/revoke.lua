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
  local index, member, reason = base .. 'u:' .. owner, sub(KEYS[1], -16) .. sub(record, 2, 7), ARGV[2]
  local ending, records, reasons, ends, scores, news
  include 'parts/settling'
  if ending then
    local n = #ending + 1
    ending[n], records[n] = member, record
  else
    ending, records = { member }, { record }
  end
  include 'parts/ending'
  include 'parts/telling'
elseif verifier == '' then
  -- Whose it was can't be read: it ends here, and the next listing takes it out of the index.
  call('UNLINK', KEYS[1])
end
return { now, record }
