//! Sessions that go by a credential of somebody else's.
//!
//! Beside such a session's record stands a mark, from its creation until the credential can't come
//! any more. Whoever ends the session takes the record away and leaves the mark: so a credential with
//! a mark and no record has had its session, and no script that ends one knows of marks.

use std::net::IpAddr;

use super::scripts::Update as Updating;
use super::{Obstacle, Outcome, RedisStore, decode, unreadable};
use crate::codec;
use crate::credential::{CreatedFor, Credential, Mark, Standing};
use crate::error::{Error, Result};
use crate::session::{NewSession, Session};
use crate::token::{SessionId, Token};

/// How often a call begins again that meets others' changes.
const ATTEMPTS: usize = 8;

pub(super) async fn standing(
    store: &RedisStore,
    credential: &Credential,
    address: Option<IpAddr>,
) -> Result<Standing> {
    credential.check()?;
    let id = store.scripts().digester.session_id(credential);
    for _ in 0..ATTEMPTS {
        // By this clock and no other one: a mark may be gone as soon as it has.
        if credential.has_expired(store.scripts().connection.server_time()) {
            return Ok(Standing::Over);
        }
        let (session, mark) = read(store, id).await?;
        let session = match (session, mark) {
            (None, None) => return Ok(Standing::NoSession),
            (None, Some(mark)) => {
                prolong(store, id, credential, mark).await?;
                return Ok(Standing::Over);
            }
            (Some(session), Some(mark)) if !mark.is_before(credential) => {
                prolong(store, id, credential, mark).await?;
                Some(session)
            }
            (Some(session), _) => follow(store, session, credential).await?,
        };
        if let Some(session) = session
            && let Some(session) = store.touched(session, address).await?
        {
            return Ok(Standing::Live(session));
        }
    }
    Err(Error::Conflict { id })
}

pub(super) async fn create_for(
    store: &RedisStore,
    credential: &Credential,
    new: NewSession,
) -> Result<CreatedFor> {
    let mut new = credential.claims_in(new);
    new.check(&store.scripts().config)?;
    let id = store.scripts().digester.session_id(credential);
    for _ in 0..ATTEMPTS {
        let token = Token::mint_for(id)?;
        new = match store.create_once(new, token, Some(credential)).await? {
            Outcome::Created(created) => return Ok(CreatedFor::Begun(created)),
            Outcome::NotCreated(_, Obstacle::Past) => return Ok(CreatedFor::Over),
            Outcome::NotCreated(new, Obstacle::Taken) => new,
        };
        match standing(store, credential, None).await? {
            Standing::Live(session) => return Ok(CreatedFor::Stands(session)),
            Standing::Over => return Ok(CreatedFor::Over),
            // What was there has been forgotten in between.
            Standing::NoSession => {}
        }
    }
    Err(Error::Conflict { id })
}

async fn read(store: &RedisStore, id: SessionId) -> Result<(Option<Session>, Option<Mark>)> {
    let keys = &store.scripts().keys;
    let mut both = redis::cmd("MGET");
    both.arg(keys.record(id)).arg(keys.mark(id));
    let (record, mark): (Option<Vec<u8>>, Option<Vec<u8>>) =
        store.scripts().connection.query(&both).await?;
    let record = record.map(|record| decode(id, &record)).transpose()?;
    // One that can't be read still says that there was a session.
    let mark = mark.map(|mark| codec::decode_mark(&mark).unwrap_or(Mark::UNREADABLE));
    Ok((record.map(|record| record.session), mark))
}

/// Remembers for longer, where this credential is good for longer than the newest one. Where memory is
/// full, the next call tries again.
async fn prolong(
    store: &RedisStore,
    id: SessionId,
    credential: &Credential,
    mark: Mark,
) -> Result<()> {
    if mark.known_until >= credential.known_until() {
        return Ok(());
    }
    match store.scripts().prolong(id, credential.known_until()).await {
        Err(Error::Refused(_)) => Ok(()),
        outcome => outcome,
    }
}

/// The session with what the newest credential says of its user; `None` where something else has
/// changed, so that it has to be read again.
async fn follow(
    store: &RedisStore,
    mut session: Session,
    credential: &Credential,
) -> Result<Option<Session>> {
    session.username.clone_from(&credential.username);
    session.role.clone_from(&credential.role);
    let mark = Some(credential.mark());
    match store.scripts().update(&session, None, mark).await {
        Ok(Updating::Updated { record, .. }) => Ok(Some(decode(session.id, &record)?.session)),
        Ok(Updating::Gone | Updating::Conflict) => Ok(None),
        Ok(Updating::Unreadable(record)) => Err(unreadable(session.id, &record)),
        // Where memory is full nothing is written, and it counts for this call all the same: whoever
        // has refreshed a token has to be able to log out.
        Err(Error::Refused(_)) => Ok(Some(session)),
        Err(error) => Err(error),
    }
}
