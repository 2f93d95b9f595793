// Live notice: server-sent events. EventSource can't send an Authorization header, so the stream is
// read by hand.

const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** The server sends a line every 20 seconds. Where none comes for this long, nobody is there. */
const SILENCE_MS = 65_000;

/**
 * Follows the events of `path` until `signal` aborts, and connects again whenever the stream is over.
 * `hear` gets each event, `tell` whether the stream stands. Throws what won't pass.
 */
async function follow(path, signal, hear, tell) {
  const place = {lastId: null, retryMs: RETRY_MS};
  let pauseMs = 0;
  while (!signal.aborted) {
    try {
      await listen(path, signal, place, hear, () => {
        pauseMs = 0;
        tell(true);
      });
    } catch (failure) {
      if (signal.aborted) return;
      if (failure instanceof Failure && !failure.passes) throw failure;
    }
    if (signal.aborted) return;
    tell(false);
    pauseMs = Math.min(Math.max(pauseMs * 2, place.retryMs), MAX_RETRY_MS);
    await pause(pauseMs, signal);
  }
}

/** One connection, until it is over. */
async function listen(path, signal, place, hear, connected) {
  const silence = new AbortController();
  const wait = () => setTimeout(() => silence.abort(), SILENCE_MS);
  let timer = wait();
  try {
    const headers = place.lastId === null ? {} : {'Last-Event-ID': place.lastId};
    const either = AbortSignal.any([signal, silence.signal]);
    const {body} = await ask('GET', path, {signal: either, headers});
    connected();
    for await (const line of lines(body)) {
      clearTimeout(timer);
      timer = wait();
      takeLine(line, place, hear);
    }
  } finally {
    clearTimeout(timer);
    // What is left of an event isn't one.
    place.event = null;
  }
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const parts = (rest + read.value).split(/\r?\n/);
    rest = parts.pop();
    yield* parts;
  }
}

/** An empty line ends an event; the others are its fields. */
function takeLine(line, place, hear) {
  const event = (place.event ??= {name: 'message', data: ''});
  if (line === '') {
    place.event = null;
    if (event.id !== undefined) place.lastId = event.id;
    // What goes wrong there is no fault of the stream.
    if (event.data !== '') queueMicrotask(() => hear(event.name, JSON.parse(event.data)));
    return;
  }
  const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
  if (field === 'event') event.name = value;
  else if (field === 'data') event.data += value;
  else if (field === 'id') event.id = value;
  else if (field === 'retry' && /^\d+$/.test(value)) place.retryMs = Number(value);
}

/** Waits, unless `signal` aborts before. */
function pause(ms, signal) {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, {once: true});
  });
}

