//! What the store answers, in the words that both sides share.

use std::collections::BTreeMap;

use session_store::{EndedSession, Event, EventKind, Fingerprint, Session, SessionId};

use super::view::{EndedView, Entered, Minted, Told, View, What};

/// Sessions by the order of their creation, and fingerprints by what was given.
#[derive(Default)]
pub(super) struct Names {
    sessions: BTreeMap<SessionId, usize>,
    fingerprints: BTreeMap<(String, Fingerprint), String>,
}

impl Names {
    /// The name of a session that has been created.
    pub(super) fn of(&self, id: SessionId) -> usize {
        self.sessions[&id]
    }

    /// Names a session, takes note of what only the store knows of it, and that equal fingerprints have
    /// equal digests, and others don't.
    pub(super) fn learn(&mut self, session: &Session, fingerprint: Option<&str>) -> Minted {
        if let Some(fingerprint) = fingerprint {
            let digest = session.fingerprint.expect("it has a fingerprint");
            let user = session.user_id.as_str().to_owned();
            let known = self.fingerprints.entry((user.clone(), digest));
            assert_eq!(known.or_insert_with(|| fingerprint.to_owned()), fingerprint);
            let same = self.fingerprints.iter();
            let same = same.filter(|((of, _), text)| *of == user && *text == fingerprint);
            assert_eq!(same.count(), 1, "one fingerprint has two digests");
        }
        let next = self.sessions.len();
        self.sessions.entry(session.id).or_insert(next);
        Minted {
            id: session.id,
            fingerprint: session.fingerprint,
        }
    }

    pub(super) fn entered(
        &self,
        session: &Session,
        ended: &[EndedSession],
        new_device: Option<bool>,
    ) -> Entered {
        Entered {
            view: self.view(session),
            ended: ended.iter().map(|ended| self.ended(ended)).collect(),
            new_device,
        }
    }

    pub(super) fn view(&self, session: &Session) -> View {
        let user = session.user_id.as_str().to_owned();
        let fingerprint = session.fingerprint.map(|digest| {
            let known = self.fingerprints.get(&(user.clone(), digest));
            known.expect("it has been given").clone()
        });
        View {
            name: self.sessions[&session.id],
            user: (user, session.user_id.is_number()),
            username: session.username.clone(),
            role: session.role.clone(),
            device: session.device.clone(),
            fingerprint,
            new_device: session.new_device,
            device_changed: session.device_changed,
            data: session.data.as_bytes().to_vec(),
            created_at: session.created_at.as_millis(),
            last_activity: session.last_activity.as_millis(),
            expires_at: session.expires_at.as_millis(),
            revision: session.revision,
        }
    }

    pub(super) fn ended(&self, ended: &EndedSession) -> EndedView {
        EndedView {
            name: self.sessions[&ended.id],
            user: (ended.user_id.as_str().to_owned(), ended.user_id.is_number()),
            username: ended.username.clone(),
            role: ended.role.clone(),
            device: ended.device.clone(),
            created_at: ended.created_at.as_millis(),
            last_activity: ended.last_activity.as_millis(),
            ended_at: ended.ended_at.as_millis(),
            reason: ended.reason,
        }
    }

    pub(super) fn told(&self, event: Event) -> Told {
        let what = match event.kind {
            EventKind::Created { new_device } => What::Created(new_device),
            EventKind::NewAddress { address } => What::NewAddress(address),
            EventKind::DeviceChanged { new_device } => What::DeviceChanged(new_device),
            EventKind::Rotated => What::Rotated,
            EventKind::Ended { reason } => What::Ended(reason),
            other => panic!("nothing tells {other:?}"),
        };
        let user = (event.user_id.as_str().to_owned(), event.user_id.is_number());
        (
            event.at.as_millis(),
            user,
            self.sessions[&event.session_id],
            what,
        )
    }
}
