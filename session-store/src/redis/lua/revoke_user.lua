-- Ends a user's sessions, all of them or all but one, at most BATCH in a run.
--
-- KEYS[1] the record of the session to keep; without one, the user's index
-- ARGV[6] user id, where no session is kept   ARGV[7] session to keep, empty = none
-- ARGV[8] reason
-- Returns { is the user known, ended in this run, left to end, record of the session to keep }.

local keep, reason = ARGV[7], ARGV[8]
local user, kept = user_of(ARGV[6]), ''
if keep ~= '' then
  local record, session, owner = load(keep)
  if not session then
    return { 0, 0, 0, record or '' }
  end
  user, kept = owner, record
end
if redis.call('EXISTS', user.index) == 0 then
  return { 0, 0, 0, kept }
end

settle(user)
local count = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', user.index, now, '+inf', 'LIMIT', 0, BATCH + 1)) do
  if id ~= keep and count < BATCH then
    finish_now(user, id, parse(redis.call('GETRANGE', record_key(id), 0, HEADER - 1)), reason)
    count = count + 1
  end
end
trim_history(user)
local left = redis.call('ZCOUNT', user.index, now, '+inf')
if keep ~= '' then
  left = left - 1
end
return { 1, count, left, kept }
