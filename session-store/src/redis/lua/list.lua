-- One page of a user's sessions.
--
-- KEYS[1] the user's index
-- ARGV[1] user id   ARGV[2] most sessions on the page   ARGV[3] 1 = with ended ones
-- ARGV[4] order: 'newest', 'expiry', 'ended'; empty = a first page
-- ARGV[5] the last place of the page before, ms   ARGV[6] its session's 16 characters
-- Returns { is the user known, order of the page, are there more live ones, place of the last one,
-- its 16 characters, { id, record, … }, { history entry, … } }. The order within a page, and how
-- many ended sessions fit it, is the caller's business. An order of 'settling' says that very many
-- sessions had expired, and some may still have to move to the history: call again.

include 'parts/begin'

local limit, order = tonumber(ARGV[2]), ARGV[4]

-- A user who has few sessions, which is nearly everyone, is listed by two commands.
if order == '' and ARGV[3] ~= '1' then
  local members = call('ZRANGEBYSCORE', KEYS[1], '0', '+inf', 'LIMIT', '0', '17')
  if #members > 0 and #members <= 16 and #members <= limit then
    local keys, live = {}, {}
    for i = 1, #members do
      keys[i] = base .. 's:' .. sub(members[i], 1, 16)
    end
    local records = call('MGET', unpack(keys))
    local all = true
    for i = 1, #members do
      live[2 * i - 1] = sub(members[i], 1, 16)
      live[2 * i] = records[i]
      all = all and records[i]
    end
    -- A session without a record has expired, and is to be settled.
    if all then
      return { 1, 'newest', 0, 0, '', live, {} }
    end
  end
end

include 'parts/clock'

local owner, index, stubs = ARGV[1], KEYS[1], base .. 'd:' .. ARGV[1]
local ending, scores, news = {}
if call('EXISTS', index) == 0 then
  return { 0, 'newest', 0, 0, '', {}, {} }
end
include 'parts/settling'
include 'parts/ending'
include 'parts/telling'
if #ending == 4 * BATCH then
  return { 1, 'settling', 0, 0, '', {}, {} }
end

include 'parts/precedes'

local after, after_id = tonumber(ARGV[5]), ARGV[6]
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
      call('HDEL', stubs, id)
    end
  end
end
local kept = {}
if ARGV[3] == '1' and not more then
  for _, entry in ipairs(call('LRANGE', base .. 'h:' .. owner, '0', '-1')) do
    if #entry >= ENTRY and cut('>I6', entry, 23) + HISTORY_MS >= now then
      kept[#kept + 1] = entry
    end
  end
end
return { 1, order, more and 1 or 0, place, last, live, kept }
