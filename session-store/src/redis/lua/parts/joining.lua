-- Puts a live session into the index: `member`, which expires at `expires`, on the device of
-- `fingerprint`. `scores`, where there are any, are set with it. The index lives until `keep_until` at
-- least; `is_first`: it has just been made. That is so where nothing was there, the mark included.

local mark, expiry = is_number and '-3' or '-2', format('%d', 2 * expires)
local joining
if fingerprint == NO_FINGERPRINT then
  joining = { mark, '@', expiry, member }
else
  joining = { mark, '@', expiry, member, '-' .. expiry, '@' .. fingerprint }
end
if scores then
  for i = 1, #joining do
    scores[#scores + 1] = joining[i]
  end
  joining = scores
end
local is_first = 2 * call('ZADD', index, unpack(joining)) == #joining
if is_first then
  call('PEXPIREAT', index, keep_until)
else
  call('PEXPIREAT', index, keep_until, 'GT')
end
