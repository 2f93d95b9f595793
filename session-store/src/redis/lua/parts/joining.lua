-- Puts a live session into the index: `member`, which expires at `expires`, on the device of
-- `fingerprint`. `scores`, where there are any, are set with it. The index lives until `keep_until` at
-- least; `is_first`: it has just been made. That is so where nothing was there, the mark included.

local mark, expiry, is_first = is_number and '-3' or '-2', format('%d', 2 * expires)
if scores then
  local n = #scores
  scores[n + 1], scores[n + 2], scores[n + 3], scores[n + 4] = mark, '@', expiry, member
  if fingerprint ~= NO_FINGERPRINT then
    scores[n + 5], scores[n + 6] = '-' .. expiry, '@' .. fingerprint
  end
  is_first = 2 * call('ZADD', index, unpack(scores)) == #scores
elseif fingerprint ~= NO_FINGERPRINT then
  is_first = call('ZADD', index, mark, '@', expiry, member, '-' .. expiry, '@' .. fingerprint) == 3
else
  is_first = call('ZADD', index, mark, '@', expiry, member) == 2
end
if is_first then
  call('PEXPIREAT', index, keep_until)
else
  call('PEXPIREAT', index, keep_until, 'GT')
end
