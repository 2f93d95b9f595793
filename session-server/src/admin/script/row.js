// What is shown: a session's row in the list, and short notices.

const byId = id => document.getElementById(id);

/** Screen readers would read what is set again, again. */
function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

/** How long news stays in sight. */
const NEWS_MS = 20_000;
let newsTimer;

/** Says it below the list, and to screen readers. */
function announce(text) {
  clearTimeout(newsTimer);
  byId('status').textContent = text;
  newsTimer = setTimeout(announce, NEWS_MS, '');
}

/** Says what stands in place of the list, or why it may be out of date. */
function showNotice({title, text}, tryAgain = null) {
  byId('notice').hidden = false;
  setText('notice-title', title);
  setText('notice-text', text);
  byId('try-again').hidden = !tryAgain;
  byId('try-again').onclick = tryAgain;
}

function hideNotice() {
  // A button that goes takes the focus with it.
  if (byId('notice').contains(document.activeElement)) byId('whose').focus();
  byId('notice').hidden = true;
}

class Row {
  constructor(session, end) {
    this.element = byId('session').content.firstElementChild.cloneNode(true);
    this.find('button').addEventListener('click', () => end(this));
    this.show(session);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  /** Whether the session is alive, as far as is known. */
  get isActive() {
    return this.session.is_active;
  }

  get device() {
    return deviceOf(this.session);
  }

  /** Shows the session, or what has changed about it. */
  show(changes) {
    this.session = {...this.session, ...changes};
    const {session} = this;
    this.find('.device').textContent = this.device;
    this.find('.kind').textContent = kindOf(session);
    this.find('.address').textContent = session.ip_address ?? 'unknown';
    this.find('.current').hidden = !session.current;
    this.find('.new').hidden = !session.new_device;
    this.find('.changed').hidden = !session.device_changed;
    this.find('button').setAttribute('aria-label', `End session, ${this.device}`);
    this.showTimes();
    this.showEnd();
  }

  showTimes() {
    showTime(this.find('.created'), this.session.created_at);
    showTime(this.find('.active'), this.session.last_activity);
    if (this.session.ended_at) showTime(this.find('.ended-at'), this.session.ended_at);
  }

  showEnd() {
    const {isActive, session} = this;
    this.element.classList.toggle('over', !isActive);
    this.find('.badge.ended').hidden = isActive;
    this.find('.end').hidden = isActive;
    const reason = whyEnded(session.end_reason);
    this.find('.reason').textContent = session.ended_at ? `: ${reason}` : reason;
    const button = this.find('button');
    if (!isActive && button === document.activeElement) this.focus();
    button.hidden = !isActive;
  }

  /** The session is over. */
  end(reason, at) {
    this.show({is_active: false, end_reason: reason, ended_at: at});
  }

  focus() {
    this.find('h3').focus();
  }
}

/** Newest first, as the server has them; what stands where it should isn't moved, and so keeps the focus. */
function arrange(list, rows) {
  const newestFirst = (a, b) => Date.parse(b.session.created_at) - Date.parse(a.session.created_at);
  [...rows].sort(newestFirst).forEach(({element}, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
}

