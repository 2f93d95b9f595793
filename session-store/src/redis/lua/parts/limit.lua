-- Adds to `going` the sessions to evict so that one more fits: by the policy's time, then by creation,
-- then by id.

local live, excess
if LIMIT <= 32 then
  -- 533 = 32 + BATCH + 1.
  live = call('ZRANGEBYSCORE', index, now_score, '+inf', 'LIMIT', '0', '533')
  excess = #live - LIMIT + 1
else
  excess = call('ZCOUNT', index, now_score, '+inf') - LIMIT + 1
end
if same then
  excess = excess - 1
end
if excess > 0 then
  if POLICY == 'reject' then
    include 'parts/ending'
    include 'parts/telling'
    return 'limit'
  end
  if not live then
    live = call('ZRANGEBYSCORE', index, now_score, '+inf', 'LIMIT', '0', format('%d', LIMIT + BATCH + 1))
  end
  if excess > BATCH then
    -- Only after the limit was lowered a lot: those that expire soonest go, in bounded steps. Where
    -- memory is full nobody goes, for nobody comes: an empty SETRANGE changes no key, and is refused.
    call('SETRANGE', KEYS[1], '0', '')
    going = {}
    for i = 1, #live do
      if live[i] ~= same and #going < 2 * BATCH then
        going[#going + 1] = live[i]
        going[#going + 1] = EVICTED
      end
    end
    include 'parts/going'
    include 'parts/ending'
    include 'parts/telling'
    return { 'more', now, ended }
  end
  local candidates, first, first_at, first_created
  for i = 1, #live do
    local member = live[i]
    if member ~= same then
      local created = cut('>I6', member, 17)
      local at = created
      if POLICY == 'evict-least-recently-active' then
        local active = call('GETRANGE', base .. 's:' .. sub(member, 1, 16), '7', '12')
        at = #active == 6 and cut('>I6', active) or 0
      end
      if excess > 1 then
        candidates = candidates or {}
        candidates[#candidates + 1] = { member = member, at = at, created = created }
      else
        local is_first = not first or at < first_at
        if first and at == first_at then
          include 'parts/precedes'
          is_first = precedes(created, member, first_created, first)
        end
        if is_first then
          first, first_at, first_created = member, at, created
        end
      end
    end
  end
  if excess == 1 then
    going = going and { going[1], going[2], first, EVICTED } or { first, EVICTED }
  else
    include 'parts/precedes'
    table.sort(candidates, function(a, b)
      return a.at < b.at or (a.at == b.at and precedes(a.created, a.member, b.created, b.member))
    end)
    going = going or {}
    for i = 1, excess do
      going[#going + 1] = candidates[i].member
      going[#going + 1] = EVICTED
    end
  end
end
