-- One page of a user's sessions.
--
-- KEYS[1] the user's index
-- ARGV[6] user id   ARGV[7] most sessions on the page   ARGV[8] 1 = with ended ones
-- ARGV[9] order: 'newest', 'expiry', 'ended'; empty = a first page
-- ARGV[10] the last place of the page before, ms   ARGV[11] its session's 16 characters
-- Returns { is the user known, order of the page, are there more live ones, place of the last one,
-- its 16 characters, { id, record, … }, { history entry, … } }. The order within a page, and how
-- many ended sessions fit it, is the caller's business. An order of 'settling' says that very many
-- sessions had expired, and some may still have to move to the history: call again.

local limit, order = tonumber(ARGV[7]), ARGV[9]
local after, after_id = tonumber(ARGV[10]), ARGV[11]
local user = user_of(ARGV[6])
local page, place = {}, 0 -- ids, and the place of the last in the page's order
local more = false

if redis.call('EXISTS', user.index) == 0 then
  return { 0, 'newest', 0, 0, '', {}, {} }
end
local unsettled = settle(user)
trim_history(user)
if unsettled then
  return { 1, 'settling', 0, 0, '', {}, {} }
end

-- All live sessions, newest first: a look at each header.
local function newest()
  local all = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', user.index, now, '+inf')) do
    local created = redis.call('GETRANGE', record_key(id), 6, 11)
    created = #created == 6 and struct.unpack('>I6', created) or 0
    if after_id == '' or created < after or (created == after and precedes(id, after_id)) then
      all[#all + 1] = { id = id, created = created }
    end
  end
  table.sort(all, function(a, b)
    if a.created == b.created then
      return precedes(b.id, a.id)
    end
    return a.created > b.created
  end)
  for i = 1, math.min(limit, #all) do
    page[i] = all[i].id
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
  while true do
    local chunk = redis.call('ZRANGEBYSCORE', user.index, from, '+inf', 'WITHSCORES', 'LIMIT', offset, limit + 1)
    for i = 1, #chunk, 2 do
      local id, score = chunk[i], tonumber(chunk[i + 1])
      if after_id == '' or score > after or (score == after and precedes(after_id, id)) then
        if #page == limit then
          more = true
          return
        end
        page[#page + 1] = id
        place = score
      end
    end
    if #chunk < 2 * (limit + 1) then
      return
    end
    offset = offset + limit + 1
  end
end

if order ~= 'ended' then
  local live = redis.call('ZCOUNT', user.index, now, '+inf')
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

local live, last = {}, page[#page] or ''
if #page > 0 then
  local keys = {}
  for i, id in ipairs(page) do
    keys[i] = record_key(id)
  end
  local records = redis.call('MGET', unpack(keys))
  for i, id in ipairs(page) do
    if records[i] then
      live[#live + 1] = id
      live[#live + 1] = records[i]
    else
      -- The record was deleted by hand or evicted by Redis: what doesn't authenticate isn't listed.
      redis.call('ZREM', user.index, id)
      redis.call('HDEL', user.stubs, id)
    end
  end
end
local history = {}
if ARGV[8] == '1' and not more then
  for _, entry in ipairs(redis.call('LRANGE', user.history, 0, -1)) do
    if is_kept(entry) then
      history[#history + 1] = entry
    end
  end
end
return { 1, order, more and 1 or 0, place, last, live, history }
