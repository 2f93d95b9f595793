// What the page asks of the server.

/** Kept here and nowhere else: in no storage and no address. It is gone with the page. */
let credential = null;

/** How long an answer may take; the server itself gives up before. */
const PATIENCE_MS = 45_000;

/** Sessions in a page of the list. */
const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1000;

/** Why there is no answer. `kind` is a key of PROBLEMS, or `own` or `absent`. */
class Failure extends Error {
  constructor(kind, {detail = '', retryAfterMs = 0} = {}) {
    super(detail || kind);
    Object.assign(this, {kind, detail, retryAfterMs});
  }

  /** Whether the same may work later. */
  get passes() {
    return this.kind === 'store' || this.kind === 'network';
  }
}

/** Asks, and gives the response, or throws a Failure; or what aborted `signal`. */
async function ask(method, path, {signal, headers} = {}) {
  // What can't be in a header is no credential; fetch would call it a network failure.
  if (!/^[\x21-\x7e]+$/.test(credential)) throw new Failure('credential');
  const response = await fetch(path, {
    method,
    headers: {...headers, Authorization: `Bearer ${credential}`},
    signal,
    // A cookie would be another credential; and whoever redirects isn't the server.
    credentials: 'omit',
    redirect: 'error',
    cache: 'no-store',
  }).catch(() => {
    signal?.throwIfAborted();
    throw new Failure('network');
  });
  learnClock(response);
  if (response.ok) return response;
  throw await failureOf(response);
}

/** The same, for answers that come as a whole. */
async function askJson(method, path, {signal} = {}) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  try {
    const response = await ask(method, path, {signal: either});
    return {response, body: await response.json()};
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof Failure ? error : new Failure('network');
  }
}

async function failureOf(response) {
  const body = await response.json().catch(() => null);
  const detail = String(body?.detail ?? '');
  const retryAfterMs = Number(response.headers.get('Retry-After')) * 1000 || 0;
  return new Failure(kindOfFailure(response.status, detail), {detail, retryAfterMs});
}

function kindOfFailure(status, detail) {
  if (status === 400 && detail.includes('/my-sessions')) return 'own';
  if (status === 404 && detail === 'User not found') return 'unknown';
  if (status === 404 && detail === 'Session not found') return 'absent';
  // 502 and 504 are a proxy's word for the same.
  if ([502, 503, 504].includes(status)) return 'store';
  return {401: 'credential', 403: 'forbidden', 422: 'invalid'}[status] ?? 'unexpected';
}

/** Paths are relative, so that the page works below a proxy's prefix as well. */
const sessionPath = id => `sessions/session/${encodeURIComponent(id)}`;

function userPath(userId) {
  // No browser sends these, however they are encoded: they are steps in a path.
  if (userId === '.' || userId === '..') throw new Failure('invalid');
  return `sessions/user/${encodeURIComponent(userId)}`;
}

/** Who holds the credential: a user id, or `null` for a service. Throws where it is no admin's. */
async function identify() {
  let userId;
  try {
    const response = await ask('GET', 'sessions/verify', {signal: AbortSignal.timeout(PATIENCE_MS)});
    userId = decodeURIComponent(response.headers.get('X-Session-User') ?? '');
  } catch (failure) {
    // A service key is good, and has no session to verify.
    if (failure.kind === 'forbidden') return null;
    throw failure instanceof Failure ? failure : new Failure('network');
  }
  await askJson('GET', `${userPath(userId)}?limit=1`).catch(failure => {
    // That these are one's own sessions is told to admins alone.
    if (failure.kind !== 'own') throw failure;
  });
  return userId;
}

/** What follows the `?` of the next page, where there is one. */
function nextQuery(response) {
  const link = /<([^>]*)>;\s*rel="next"/.exec(response.headers.get('Link') ?? '');
  return link && new URL(link[1], location.href).search.slice(1);
}

