// Ending sessions: what is asked before, what is done, and what is said after.

function askToEndOne(lookUp, row) {
  const {ip_address: address, current} = row.session;
  const who = lookUp.isOwn ? 'you have' : `${lookUp.name} has`;
  const then = current
    ? 'this is the session that you are using. You will be signed out of this page, and wherever else its token is used.'
    : `it is signed out at once, and ${who} to sign in there again.`;
  confirmThen({
    title: 'End this session?',
    text: `${row.device}${address ? `, ${address}` : ''}: ${then}`,
    verb: 'End session',
    act: () => endOne(lookUp, row),
  });
}

async function endOne(lookUp, row) {
  const {id, current} = row.session;
  let outcome = `Session ended: ${row.device}.`;
  try {
    await end(lookUp, sessionPath(id));
  } catch (failure) {
    if (failure.kind !== 'absent') throw failure;
    outcome = `Session had ended already: ${row.device}.`;
  }
  return () => markEnded(lookUp, [row], outcome, current);
}

/** `keepCurrent` spares the session that is asking. */
function askToEndAll(lookUp, keepCurrent) {
  const whose = lookUp.isOwn ? `All of your ${keepCurrent ? 'other ' : ''}sessions` : `All sessions of ${lookUp.name}`;
  const beyond = lookUp.nextQuery ? ', those that aren’t shown included' : '';
  const own = lookUp.isOwn && !keepCurrent ? ' You will be signed out of this page, too.' : '';
  confirmThen({
    title: keepCurrent ? 'End all other sessions?' : 'End all sessions?',
    text: `${whose} end at once, on every device${beyond}. Each has to be signed in again.${own}`,
    verb: keepCurrent ? 'End all others' : 'End all',
    act: () => endAll(lookUp, keepCurrent),
  });
}

async function endAll(lookUp, keepCurrent) {
  // One that begins after this isn't among those that end.
  const rows = lookUp.active.filter(row => !(keepCurrent && row.session.current));
  const path = lookUp.isOwn ? `sessions/logout-all?exclude_current=${keepCurrent}` : userPath(lookUp.userId);
  const {body} = await end(lookUp, path);
  const outcome = `${sessions(body.logged_out_count)} ended.`;
  return () => markEnded(lookUp, rows, outcome, lookUp.isOwn && !keepCurrent);
}

async function end(lookUp, path) {
  try {
    // Not to be cut off: who looks at another user meanwhile still wants it done.
    return await askJson('DELETE', path);
  } catch (failure) {
    if (failure.kind === 'credential') lookUp.failed(failure);
    throw failure;
  }
}

/** What was heard of an end may have come before; what is still to come says when and why exactly. */
function markEnded(lookUp, rows, outcome, isOwn) {
  const at = new Date(Date.now() + clockOffsetMs).toISOString();
  const reason = lookUp.isOwn ? 'logout' : 'revoked';
  for (const row of rows) {
    if (row.isActive) row.end(reason, at);
    lookUp.over.add(row.session.id);
  }
  if (lookUp.stopping.signal.aborted) return announce(outcome);
  if (isOwn) return lookUp.leave(`${outcome} Your own was among them: sign in again.`);
  lookUp.draw();
  if (rows.length === 1) rows[0].focus();
  else byId('whose').focus();
  announce(outcome);
}

