-- Gives a session a new token, and marks it active.
--
-- KEYS[1] the session's record
-- ARGV[6] session's 16 characters   ARGV[7] old token's verifier   ARGV[8] new token's verifier
-- Returns the record as it is now; nil where the old token isn't the session's (any more).

local id = ARGV[6]
local record, session, user = load(id)
if not record then
  return nil
end
if not session then
  return record
end
if session.verifier ~= ARGV[7] then
  return nil
end
redis.call('SETRANGE', KEYS[1], 54, ARGV[8])
refresh(user, id, session)
publish('rotated', now, id, '-', session.number, user)
return redis.call('GET', KEYS[1])
