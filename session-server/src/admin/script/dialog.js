// Nothing is ended without being asked about first.

/** Asks, and calls `act` once confirmed. Where that fails, the dialog stays and says why. */
function confirmThen({title, text, verb, act}) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-problem').textContent = '';
  const confirmed = byId('confirmed');
  confirmed.textContent = verb;
  confirmed.ariaDisabled = null;
  confirmed.onclick = () => carryOut(dialog, confirmed, act);
  dialog.showModal();
}

async function carryOut(dialog, confirmed, act) {
  // Disabled in earnest it would lose the focus.
  if (confirmed.ariaDisabled) return;
  confirmed.ariaDisabled = 'true';
  byId('confirm-problem').textContent = '';
  const asked = (dialog.asked = {});
  try {
    const done = await act();
    if (dialog.asked === asked) dialog.close();
    done?.();
  } catch (failure) {
    const why = `${problemOf(failure).title}. ${AFTERWARDS[failure.kind] ?? 'Nothing was ended.'}`;
    // Whoever has closed the dialog meanwhile is told all the same.
    if (dialog.open && dialog.asked === asked) byId('confirm-problem').textContent = why;
    else announce(why);
  } finally {
    if (dialog.asked === asked) confirmed.ariaDisabled = null;
  }
}

/** What is known after a call that failed. */
const AFTERWARDS = {
  store: 'It may not have ended. Try again in a moment.',
  network: 'It may not have ended. Try again in a moment.',
  unexpected: 'It may not have ended. Try again, or cancel and look the user up anew.',
};

byId('cancel').addEventListener('click', () => byId('confirm').close());
byId('confirm').addEventListener('close', event => { event.currentTarget.asked = null; });

