// One user's sessions, for as long as they are looked at.

class LookUp {
  /** `userId` may turn out to be the admin's own, which the server has other paths for. */
  constructor(userId, isOwn, leave) {
    this.userId = userId;
    this.isOwn = isOwn;
    /** Called when the credential isn't good any more. */
    this.leave = leave;
    this.rows = new Map();
    /** Which sessions have been heard to end: what is told of them later comes too late. */
    this.over = new Set();
    this.showEnded = byId('show-ended').checked;
    this.nextQuery = null;
    /** Readings in a row that failed. */
    this.failures = 0;
    /** What is heard while the list is read: the answer may be older. */
    this.heard = [];
    this.stopping = new AbortController();
    byId('sessions').replaceChildren();
    byId('live').textContent = '';
    showNotice({title: 'Loading…', text: 'The user’s sessions are being read.'});
  }

  stop() {
    this.stopping.abort();
    clearTimeout(this.retryTimer);
  }

  get listPath() {
    return this.isOwn ? 'sessions/my-sessions' : userPath(this.userId);
  }

  get eventsPath() {
    return this.isOwn ? 'sessions/events' : `sessions/events?user_id=${encodeURIComponent(this.userId)}`;
  }

  get active() {
    return [...this.rows.values()].filter(row => row.isActive);
  }

  /** The user's name, as the newest session has it. */
  get username() {
    const named = [...this.rows.values()].map(row => row.session).filter(session => session.username);
    const newest = named.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))[0];
    return newest?.username;
  }

  get name() {
    return this.username ?? `user ${this.userId}`;
  }

  /** Reads the list from its beginning, as far as it is shown. Another reading gives way to this one. */
  async read() {
    clearTimeout(this.retryTimer);
    this.reading?.abort();
    const reading = (this.reading = new AbortController());
    const signal = AbortSignal.any([this.stopping.signal, reading.signal]);
    this.heard = [];
    byId('sessions').ariaBusy = 'true';
    try {
      const limit = Math.min(Math.max(this.rows.size, PAGE_SIZE), MAX_PAGE_SIZE);
      const list = await this.readPage(`limit=${limit}${this.showEnded ? '&include_inactive=true' : ''}`, signal);
      this.replace(list);
    } catch (failure) {
      if (!signal.aborted) this.readFailed(failure);
      return;
    } finally {
      if (this.reading === reading) {
        this.reading = null;
        byId('sessions').ariaBusy = null;
      }
    }
    this.begun();
  }

  async readPage(query, signal) {
    const {response, body} = await askJson('GET', `${this.listPath}?${query}`, {signal});
    this.nextQuery = nextQuery(response);
    return body;
  }

  /** The list is there: what was heard meanwhile is newer, and from now on more will be. */
  begun() {
    const heard = this.heard.splice(0);
    heard.forEach(([name, data]) => this.hear(name, data));
    if (!this.following) this.beginFollowing();
    this.failures = 0;
  }

  beginFollowing() {
    this.following = true;
    byId('live').textContent = 'Connecting…';
    // After a long wait the focus may be wanted elsewhere.
    if (!this.failures) byId('whose').focus();
    follow(this.eventsPath, this.stopping.signal, (name, data) => this.hear(name, data), isLive => this.tell(isLive))
      .catch(failure => this.failed(failure));
  }

  async readMore() {
    try {
      const page = await this.readPage(this.nextQuery, this.stopping.signal);
      page.forEach(session => this.put(session));
      this.draw();
      announce(`${sessions(page.length)} more.`);
      this.rows.get(page[0]?.id)?.focus();
    } catch (failure) {
      if (!this.stopping.signal.aborted) this.readFailed(failure);
    }
  }

  /** A session that was shown and isn't listed any more has ended, unless it is on a later page. */
  replace(list) {
    const listed = new Set(list.map(session => session.id));
    for (const [id, row] of this.rows) {
      if (listed.has(id)) continue;
      if (this.nextQuery && row.isActive) this.remove(id);
      else if (row.isActive) row.end(null, null);
    }
    list.forEach(session => this.put(session));
    this.draw();
  }

  put(session) {
    // An answer may be older than what was heard since it was asked for.
    if (session.is_active && this.over.has(session.id)) return;
    const row = this.rows.get(session.id);
    if (row) row.show(session);
    else this.rows.set(session.id, new Row(session, row => askToEndOne(this, row)));
  }

  remove(id) {
    this.rows.get(id).element.remove();
    this.rows.delete(id);
  }

  /** Forgets ended sessions, or asks for them. */
  setShowEnded(showEnded) {
    this.showEnded = showEnded;
    for (const [id, row] of this.rows) if (!row.isActive) this.remove(id);
    return this.read();
  }

  draw() {
    const {active, username} = this;
    byId('user').hidden = false;
    hideNotice();
    arrange(byId('sessions'), this.rows.values());
    byId('whose').textContent = this.isOwn ? 'Your own sessions' : `Sessions of ${this.name}`;
    byId('user-name-and-id').textContent = `User id ${this.userId}${this.isOwn && username ? `, ${username}` : ''}`;
    byId('count').textContent = countOf(active.length, this.nextQuery);
    byId('more').hidden = !this.nextQuery;
    byId('end-all').hidden = active.length === 0 && !this.nextQuery;
    byId('end-others').hidden = !this.isOwn || (active.length < 2 && !this.nextQuery);
    if (this.rows.size === 0) this.drawEmpty();
  }

  drawEmpty() {
    const text = this.showEnded
      ? 'Nobody is signed in as this user, and no ended session is kept.'
      : 'Nobody is signed in as this user. Tick “Show ended sessions” for those that were.';
    showNotice({title: 'No active sessions', text});
  }

  showTimes() {
    this.rows.forEach(row => row.showTimes());
  }

  tell(isLive) {
    byId('live').textContent = isLive ? 'Live' : 'Reconnecting…';
    byId('live').classList.toggle('on', isLive);
  }

  /** What happens to the user's sessions elsewhere, or here. */
  hear(name, data) {
    if (this.reading) this.heard.push([name, data]);
    else if (name === 'ready' || name === 'reset') this.read();
    else if (name === 'created') this.add(data.session_id);
    else if (name === 'ended') this.hearEnd(data);
    else if (name === 'device-changed') this.rows.get(data.session_id)?.show({device_changed: true, new_device: data.new_device});
    else if (name === 'new-address') this.rows.get(data.session_id)?.show({ip_address: data.ip_address, last_activity: data.at});
  }

  async add(id) {
    if (this.rows.has(id)) return;
    try {
      const {body} = await askJson('GET', sessionPath(id), {signal: this.stopping.signal});
      this.put(body);
      this.draw();
      if (this.rows.has(id)) announce(`New session: ${deviceOf(body)}.`);
    } catch (failure) {
      // It may have ended already. Whatever else it is, the list will show or say.
      if (!this.stopping.signal.aborted && failure.kind !== 'absent') this.read();
    }
  }

  hearEnd({session_id: id, current, end_reason: reason, at}) {
    const isNews = !this.over.has(id);
    this.over.add(id);
    const row = this.rows.get(id);
    if (row) {
      row.end(reason, at);
      this.draw();
      if (isNews) announce(`Session ended, ${row.device}: ${whyEnded(reason)}.`);
    }
    if (current) this.leave('Your own session has ended: sign in again.');
  }

  readFailed(failure) {
    if (failure.kind === 'own' && !this.isOwn) {
      this.isOwn = true;
      this.read();
    } else if (failure.passes) {
      this.retryLater(failure);
    } else {
      this.failed(failure);
    }
  }

  /** What is shown stays, and may be out of date. */
  retryLater(failure) {
    this.failures += 1;
    const pauseMs = Math.min(1000 * 2 ** this.failures, MAX_RETRY_MS);
    this.retryTimer = setTimeout(() => this.read(), Math.max(pauseMs, failure.retryAfterMs));
    const {title, text} = problemOf(failure);
    showNotice({title, text: `${text} The page does so by itself.`}, () => this.read());
  }

  /** There is nothing to show any more. */
  failed(failure) {
    if (this.stopping.signal.aborted) return;
    const {title, text} = problemOf(failure);
    if (failure.kind === 'credential') return this.leave(`${title}. ${text}`);
    this.stop();
    byId('user').hidden = true;
    showNotice({title, text});
    byId('user-id').select();
  }
}

