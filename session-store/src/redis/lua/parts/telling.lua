-- Where sessions have ended and none has joined: the index's scores, and what is to be told.

if news then
  if scores then
    call('ZADD', index, 'XX', unpack(scores))
  end
  call('PUBLISH', CHANNEL, table.concat(news, '\n'))
end
