-- The sessions of a user who has few of them, which is nearly everyone, by two commands. Where it
-- takes more than that, `list.lua`, which follows this, does it.

local limit, order = tonumber(ARGV[2]), ARGV[4]

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
