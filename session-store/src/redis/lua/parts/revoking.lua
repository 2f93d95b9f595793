-- Ends the user's live sessions but `keep`, at most BATCH, for `reason`: `count` of them; `left` is how
-- many there are still.

local stubs = base .. 'd:' .. owner
local ending, scores, news = {}
local going, count, left, bytes = {}, 0, 0, 0

-- Where nothing has expired, this is the only look at the index.
local members = call('ZRANGEBYSCORE', index, '0', '+inf', 'LIMIT', '0', '501')
if members[1] and call('EXISTS', base .. 's:' .. sub(members[1], 1, 16)) == 0 then
  include 'parts/settling'
  members = call('ZRANGEBYSCORE', index, now_score, '+inf', 'LIMIT', '0', '501')
end
for i = 1, #members do
  if sub(members[i], 1, 16) ~= keep then
    going[#going + 1] = members[i]
  end
end
local goes = math.min(#going, BATCH)
-- Few at once: a record may have a megabyte.
while count < goes and bytes <= BATCH_BYTES do
  local keys = {}
  for i = count + 1, math.min(count + 4, goes) do
    keys[#keys + 1] = base .. 's:' .. sub(going[i], 1, 16)
  end
  local records = call('MGET', unpack(keys))
  call('UNLINK', unpack(keys))
  for i = 1, #keys do
    local n, read = #ending, records[i] or ''
    ending[n + 1], ending[n + 2], ending[n + 3], ending[n + 4] = going[count + i], reason, read, now
    bytes = bytes + #read
  end
  count = count + #keys
end
include 'parts/ending'
include 'parts/telling'
if count < #going or #members > BATCH then
  left = call('ZCOUNT', index, now_score, '+inf') - (keep and 1 or 0)
end
