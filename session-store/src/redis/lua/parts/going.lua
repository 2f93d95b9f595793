-- Live sessions of this user are to end now: those of `going` (index member, reason). `ended` is what the
-- script answers of them.

if going then
  ended, ending, records, reasons = {}, ending or {}, records or {}, reasons or {}
  for i = 1, #going, 2 do
    local n, member, reason = #ending + 1, going[i], going[i + 1]
    local ended_id = sub(member, 1, 16)
    local record = call('GETDEL', base .. 's:' .. ended_id) or ''
    ending[n], records[n], reasons[n] = member, record, reason
    n = #ended
    ended[n + 1], ended[n + 2], ended[n + 3] = ended_id, reason, record
  end
end
