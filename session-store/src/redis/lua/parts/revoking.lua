-- Ends the user's live sessions but `keep`, at most BATCH, for `reason`: `count` of them; `left` is how
-- many there are still.

local ending, records, reasons, ends, scores, news
include 'parts/settling'
local expired = ending and #ending or 0

local live = call('ZRANGEBYSCORE', index, now_score, '+inf', 'LIMIT', '0', MORE_THAN_BATCH)
local count, left, bytes, records_base = 0, 0, 0, base .. 's:'
local is_more = #live > BATCH
for i = 1, keep and #live or 0 do
  if sub(live[i], 1, 16) == keep then
    table.remove(live, i)
    break
  end
end
local goes = math.min(#live, BATCH)
-- Few at once: a record may have a megabyte.
while count < goes and bytes <= BATCH_BYTES do
  local some = math.min(goes - count, 4)
  local keys = { '', '', '', '' }
  for i = 1, some do
    keys[i] = records_base .. sub(live[count + i], 1, 16)
  end
  local read = call('MGET', unpack(keys, 1, some))
  call('UNLINK', unpack(keys, 1, some))
  if not records then
    -- The first, and nearly always the only ones: tables that are at hand.
    ending, records = live, read
  end
  for i = 1, some do
    local n, record = expired + count + i, read[i] or ''
    ending[n], records[n] = live[count + i], record
    bytes = bytes + #record
  end
  count = count + some
end
is_more = is_more or count < #live
for i = #live, count + 1, -1 do
  live[i] = nil
end
include 'parts/ending'
include 'parts/telling'
if is_more then
  left = call('ZCOUNT', index, now_score, '+inf') - (keep and 1 or 0)
end
