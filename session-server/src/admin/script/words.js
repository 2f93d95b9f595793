// What the server says, in words for people.

const WHY_ENDED = {
  logout: 'the user signed out',
  revoked: 'ended by an admin or a service',
  evicted: 'the user had too many sessions, and this was the one to go',
  replaced: 'the same device signed in again',
  expired: 'it expired',
};

const KINDS = {web: 'Web', mobile: 'Mobile'};

const UNITS = [['year', 31_557_600], ['month', 2_629_800], ['day', 86_400], ['hour', 3600], ['minute', 60]];

const relative = new Intl.RelativeTimeFormat('en', {numeric: 'auto'});
const exact = new Intl.DateTimeFormat(undefined, {dateStyle: 'full', timeStyle: 'long'});

// This machine's clock may be off; what counts is the server's.
let clockOffsetMs = 0;

function learnClock(response) {
  const date = Date.parse(response.headers.get('Date') ?? '');
  if (!Number.isNaN(date)) clockOffsetMs = date - Date.now();
}

function ago(at) {
  const seconds = (Date.now() + clockOffsetMs - at) / 1000;
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  // Lengths are cut and not rounded: what is 59 minutes ago isn't an hour.
  return unit ? relative.format(-Math.trunc(seconds / unit[1]), unit[0]) : 'just now';
}

/** Says when, in words; exactly for whoever points at it, and for machines. */
function showTime(element, text) {
  const at = Date.parse(text ?? '');
  element.dateTime = text ?? '';
  element.title = Number.isNaN(at) ? '' : exact.format(at);
  element.textContent = Number.isNaN(at) ? 'unknown' : ago(at);
}

const whyEnded = reason => WHY_ENDED[reason] ?? reason ?? 'nobody knows why';

const sessions = count => (count === 1 ? '1 session' : `${count} sessions`);

/** How many are active; `more` where that isn't known to the end. */
function countOf(count, more) {
  if (more) return `${count} or more active sessions`;
  return count === 1 ? '1 active session' : `${count} active sessions`;
}

const deviceOf = session => session.device_name || 'Unnamed device';

function kindOf({device_type: type, browser}) {
  const parts = [type && (KINDS[type] ?? type), browser];
  return parts.filter(Boolean).join(' · ') || 'unknown';
}

/** What went wrong, and what to do about it: a title, a text. */
const PROBLEMS = {
  credential: ['The credential is not accepted', 'It is unknown, or it has ended or expired. Sign in with another one.'],
  forbidden: ['This is not permitted', 'Only an admin’s session token or a service key may see and end other users’ sessions. Sign out, and sign in with one of these.'],
  unknown: ['No such user', 'There has never been a session for this user id. Check how it is written; capital letters count.'],
  invalid: ['This can’t be a user id', 'User ids have 1 to 255 characters, and no control characters. Check how it is written.'],
  store: ['The store of sessions can’t be reached', 'Nobody is signed out by that. It should pass: try again in a moment.'],
  network: ['The server can’t be reached', 'Check your connection, and try again in a moment.'],
  unexpected: ['The server gave an unexpected answer', 'Try again. If it stays like this, its log says more.'],
};

function problemOf(failure) {
  const [title, text] = PROBLEMS[failure.kind] ?? PROBLEMS.unexpected;
  return {title, text};
}

