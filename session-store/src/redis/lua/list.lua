-- One page of a user's sessions.
--
-- KEYS[1] the user's index
-- ARGV[1] one more than fit the page   ARGV[2] 1 = with ended ones
-- ARGV[3] order: 'newest', 'expiry', 'ended'; empty = a first page
-- ARGV[4] the last place of the page before, ms   ARGV[5] its session's 16 characters
-- Only the first of them: a first page without ended ones.
-- Returns { record, …, key, … } where that has been asked for, and holds all the user has. Otherwise
-- { is the user known, order of the page, are there more live ones, place of the last one, its 16
-- characters, { id, record, … }, { history entry, … } }. The order within a page, and how many ended
-- sessions fit it, is the caller's business. An order of 'settling' says that very many sessions had
-- expired, and some may still have to move to the history: call again.

include 'parts/begin'

-- A user whose sessions fit one page, which is nearly everyone, is listed by two commands and one table.
-- Read from the index's end, which the devices aren't at.
if not ARGV[2] then
  local keys = call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '0', 'LIMIT', '0', ARGV[1])
  local count, records_base = #keys, base .. 's:'
  if count > 0 and count < tonumber(ARGV[1]) then
    for i = 1, count do
      keys[i] = records_base .. sub(keys[i], 1, 16)
    end
    local records = call('MGET', unpack(keys))
    for i = 1, count do
      -- A session without a record has expired, and is to be settled.
      if not records[i] then
        records = nil
        break
      end
      records[count + i] = keys[i]
    end
    if records then
      return records
    end
  end
end

include 'parts/clock'

local owner, index = sub(KEYS[1], BASE + 3), KEYS[1]
local ending, records, reasons, ends, scores, news
if call('EXISTS', index) == 0 then
  return { 0, 'newest', 0, 0, '', {}, {} }
end
include 'parts/settling'
include 'parts/ending'
include 'parts/telling'
if ending and #ending == BATCH then
  return { 1, 'settling', 0, 0, '', {}, {} }
end

include 'parts/precedes'

local limit, include_ended, order = tonumber(ARGV[1]) - 1, ARGV[2] == '1', ARGV[3] or ''
local after, after_id = tonumber(ARGV[4] or 0), ARGV[5] or ''
local page, place = {}, 0 -- members, and the place of the last in the page's order
local more = false

-- All live sessions, newest first.
local function newest()
  local all = {}
  for _, member in ipairs(call('ZRANGEBYSCORE', index, now_score, '+inf')) do
    local created = cut('>I6', member, 17)
    if after_id == '' or precedes(created, member, after, after_id) then
      all[#all + 1] = { member = member, created = created }
    end
  end
  table.sort(all, function(a, b)
    -- A call less for nearly all: this is most of what a long list costs.
    if a.created ~= b.created then
      return a.created > b.created
    end
    return precedes(b.created, b.member, a.created, a.member)
  end)
  for i = 1, math.min(limit, #all) do
    page[i] = all[i].member
    place = all[i].created
  end
  more = #all > limit
end

-- The sessions that expire soonest after the cursor: a look at a page's worth of the index.
local function soonest()
  local from, offset = now, 0
  if after_id ~= '' and after > now then
    from = after
  end
  local most = format('%d', limit + 1)
  while true do
    local chunk =
      call('ZRANGEBYSCORE', index, format('%d', 2 * from), '+inf', 'WITHSCORES', 'LIMIT', format('%d', offset), most)
    for i = 1, #chunk, 2 do
      local member, expires = chunk[i], tonumber(chunk[i + 1]) / 2
      if after_id == '' or precedes(after, after_id, expires, member) then
        if #page == limit then
          more = true
          return
        end
        page[#page + 1] = member
        place = expires
      end
    end
    if #chunk < 2 * (limit + 1) then
      return
    end
    offset = offset + limit + 1
  end
end

if order ~= 'ended' then
  local live = call('ZCOUNT', index, now_score, '+inf')
  if order == '' then
    order = live <= math.max(limit, 200) and 'newest' or 'expiry'
  elseif order == 'newest' and live > 2000 then
    -- The user has got far more sessions since the first page: begin anew, at a flat cost.
    order, after_id = 'expiry', ''
  end
  if order == 'newest' then
    newest()
  else
    soonest()
  end
end

local live, last = {}, ''
if #page > 0 then
  last = sub(page[#page], 1, 16)
  local keys = {}
  for i, member in ipairs(page) do
    keys[i] = base .. 's:' .. sub(member, 1, 16)
  end
  local records = call('MGET', unpack(keys))
  for i, member in ipairs(page) do
    local id = sub(member, 1, 16)
    if records[i] then
      live[#live + 1] = id
      live[#live + 1] = records[i]
    else
      -- The record was deleted by hand or evicted by Redis: what doesn't authenticate isn't listed.
      call('ZREM', index, member)
      call('HDEL', base .. 'd:' .. owner, id)
    end
  end
end
local kept = {}
if include_ended and not more then
  for _, entry in ipairs(call('LRANGE', base .. 'h:' .. owner, '0', '-1')) do
    if #entry >= ENTRY and cut('>I6', entry, 23) + HISTORY_MS >= now then
      kept[#kept + 1] = entry
    end
  end
end
return { 1, order, more and 1 or 0, place, last, live, kept }
