-- After a device has come into the index: forgets those that were last used too long ago, and of those
-- without a session the ones beyond the bound, whose session ran out first. In the index they stand
-- last among the devices: the closer to the mark, the longer ago.

if not known then
  call('ZREMRANGEBYSCORE', index, '(' .. format('%d', 2 * (DEVICES_MS - now) + 1), '-4')
end
-- All but the mark and one session are devices, at most.
if call('ZCARD', index) - 2 > DEVICES_MAX then
  local excess = call('ZCOUNT', index, '(-' .. now_score, '-4') - DEVICES_MAX
  if excess > 0 then
    local devices = call('ZCOUNT', index, '-inf', '-4')
    call('ZREMRANGEBYRANK', index, format('%d', devices - excess), format('%d', devices - 1))
  end
end
