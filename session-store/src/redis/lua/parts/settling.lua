-- Sessions that have expired by themselves end: those that expired first, and as many as one run takes.

if call('ZCOUNT', index, '0', '(' .. now_score) > 0 then
  local expired = call('ZRANGEBYSCORE', index, '0', '(' .. now_score, 'WITHSCORES', 'LIMIT', '0', BATCH)
  for i = 1, #expired, 2 do
    local n = #ending
    ending[n + 1], ending[n + 2], ending[n + 3], ending[n + 4] = expired[i], EXPIRED, '', expired[i + 1] / 2
  end
end
