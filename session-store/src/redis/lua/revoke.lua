-- Ends one session.
--
-- KEYS[1] the session's record
-- ARGV[1] token's verifier, empty = by id   ARGV[2] reason
-- Returns { now, record as it was }; nil where there is no such session (any more).

local verifier = ARGV[1]
local record = call('GET', KEYS[1])
if not record then
  return nil
end
if is_readable(record) then
  if expiry_of(record) < now or (verifier ~= '' and sub(record, 42, 73) ~= verifier) then
    return nil
  end
  call('UNLINK', KEYS[1])
  local uid = user_and_stub(record)
  of_user(uid)
  settle()
  finish_now(sub(KEYS[1], -16) .. sub(record, 2, 7), record, ARGV[2])
  carry_out()
elseif verifier == '' then
  -- Whose it was can't be read: it ends here, and the next listing takes it out of the index.
  call('UNLINK', KEYS[1])
end
return { now, record }
