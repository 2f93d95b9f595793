-- Ends one session.
--
-- KEYS[1] the session's record
-- ARGV[6] session's 16 characters   ARGV[7] token's verifier, empty = by id   ARGV[8] reason
-- Returns { now, record as it was }; nil where there is no such session (any more).

local id, verifier = ARGV[6], ARGV[7]
local record, session, user = load(id)
if not record then
  return nil
end
if session and verifier ~= '' and session.verifier ~= verifier then
  return nil
end
if session then
  settle(user)
  finish_now(user, id, session, ARGV[8])
  trim_history(user)
elseif verifier == '' then
  -- Whose it was can't be read: it ends here, and the next listing takes it out of the index.
  redis.call('UNLINK', KEYS[1])
end
return { now, record }
