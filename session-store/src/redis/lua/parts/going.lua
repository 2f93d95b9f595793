-- Live sessions of this user end now: those of `going` (index member, reason). `ended` is what the script
-- answers of them.

ended = {}
for i = 1, going and #going or 0, 2 do
  local member, reason = going[i], going[i + 1]
  local ended_id = sub(member, 1, 16)
  local record = call('GETDEL', base .. 's:' .. ended_id) or ''
  local n = #ending
  ending[n + 1], ending[n + 2], ending[n + 3], ending[n + 4] = member, reason, record, now
  n = #ended
  ended[n + 1], ended[n + 2], ended[n + 3] = ended_id, reason, record
end
