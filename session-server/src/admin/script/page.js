// Signing in and out, and whom to look up.

let lookUp = null;
/** The admin's own user id; `null` for a service. */
let ownId = null;

async function signIn(given) {
  const button = byId('sign-in').querySelector('button');
  if (button.ariaDisabled) return;
  button.ariaDisabled = 'true';
  byId('sign-in-problem').textContent = '';
  try {
    credential = given;
    ownId = await identify();
    signedIn();
  } catch (failure) {
    credential = null;
    const {title, text} = problemOf(failure);
    byId('sign-in-problem').textContent = `${title}. ${text}`;
    byId('credential').select();
  } finally {
    button.ariaDisabled = null;
  }
}

function signedIn() {
  byId('credential').value = '';
  byId('sign-in').hidden = true;
  byId('account').hidden = byId('find').hidden = false;
  byId('who').textContent = ownId === null ? 'Signed in with a service key' : `Signed in as ${ownId}`;
  announce('');
  byId('user-id').focus();
}

/** Forgets the credential and all that was read with it. */
function signOut(problem = '', news = '') {
  lookUp?.stop();
  lookUp = credential = ownId = null;
  byId('confirm').close();
  hideNotice();
  byId('sessions').replaceChildren();
  byId('account').hidden = byId('find').hidden = byId('user').hidden = true;
  byId('who').textContent = byId('user-id').value = byId('find-problem').textContent = '';
  byId('show-ended').checked = false;
  byId('sign-in').hidden = false;
  byId('sign-in-problem').textContent = problem;
  announce(news);
  byId('credential').focus();
}

function look(userId) {
  const isMissing = userId === '';
  byId('find-problem').textContent = isMissing ? 'Write down whose sessions to look up.' : '';
  byId('user-id').ariaInvalid = isMissing ? 'true' : null;
  if (isMissing) return byId('user-id').focus();
  lookUp?.stop();
  announce('');
  byId('user').hidden = true;
  lookUp = new LookUp(userId, userId === ownId, signOut);
  lookUp.read();
}

/** The page never navigates: what is written into a form stays out of addresses. */
function onSubmit(form, act) {
  byId(form).addEventListener('submit', event => {
    event.preventDefault();
    act();
  });
}

onSubmit('sign-in', () => signIn(byId('credential').value.trim()));
onSubmit('find', () => look(byId('user-id').value.trim()));
byId('sign-out').addEventListener('click', () => signOut('', 'Signed out: this page has forgotten the credential. Its session goes on elsewhere.'));
byId('show-ended').addEventListener('change', event => lookUp?.setShowEnded(event.target.checked));
byId('end-all').addEventListener('click', () => askToEndAll(lookUp, false));
byId('end-others').addEventListener('click', () => askToEndAll(lookUp, true));
byId('more').addEventListener('click', () => lookUp?.readMore());
// Browsers may keep a page that was left, for when somebody goes back to it.
addEventListener('pagehide', () => signOut());
setInterval(() => lookUp?.showTimes(), 15_000);

byId('sign-in').hidden = false;
byId('credential').focus();
