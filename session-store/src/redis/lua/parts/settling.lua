-- Sessions that have expired by themselves are to end: those that expired first, and as many as one run
-- takes. Only reads.

if call('ZCOUNT', index, '0', '(' .. now_score) > 0 then
  local expired = call('ZRANGEBYSCORE', index, '0', '(' .. now_score, 'WITHSCORES', 'LIMIT', '0', BATCH)
  ending, records, reasons, ends = {}, {}, {}, {}
  for i = 1, #expired, 2 do
    local n = #ending + 1
    ending[n], records[n], reasons[n], ends[n] = expired[i], '', EXPIRED, expired[i + 1]
  end
end
