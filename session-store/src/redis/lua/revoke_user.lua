-- Ends a user's sessions, all of them or all but one, at most BATCH in a run.
--
-- KEYS[1] the record of the session to keep; without one, the user's index
-- ARGV[1] user id, where no session is kept   ARGV[2] session to keep, empty = none
-- ARGV[3] reason
-- Returns { is the user known, ended in this run, left to end, record of the session to keep }.

local uid, keep, kept, reason = ARGV[1], ARGV[2], '', ARGV[3]
if keep ~= '' then
  kept = call('GET', KEYS[1])
  if not kept then
    return { 0, 0, 0, '' }
  end
  if not is_readable(kept) then
    return { 0, 0, 0, kept }
  end
  if expiry_of(kept) < now then
    return { 0, 0, 0, '' }
  end
  uid = user_and_stub(kept)
end
of_user(uid)

-- Those that have expired come first; where there are none, this is the only look at the index.
local function members_from(score)
  return call('ZRANGEBYSCORE', index, score, '+inf', 'LIMIT', '0', text(BATCH + 1))
end

local members = members_from('0')
if #members == 0 and call('EXISTS', index) == 0 then
  return { 0, 0, 0, kept }
end
local first = members[1]
if first and call('EXISTS', base .. 's:' .. sub(first, 1, 16)) == 0 then
  settle()
  members = members_from(now_score)
end
local count, bytes, is_cut = 0, 0, #members > BATCH
for _, member in ipairs(members) do
  local id = sub(member, 1, 16)
  if id ~= keep then
    if count == BATCH or bytes > BATCH_BYTES then
      is_cut = true
      break
    end
    local record = call('GETDEL', base .. 's:' .. id) or ''
    finish_now(member, record, reason)
    count, bytes = count + 1, bytes + #record
  end
end
carry_out()
local left_over = 0
if is_cut then
  left_over = call('ZCOUNT', index, now_score, '+inf') - (keep ~= '' and 1 or 0)
end
return { 1, count, left_over, kept }
