//! Compares what was told.

use std::time::Duration;

use session_store::contract::Harness;
use session_store::{EndReason, SessionStore};

use super::runner::{Runner, mark};
use super::view::{Told, What};

/// Only ends a run that would hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of what a store answers is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Compare {
    /// Also what the contract leaves open: when an expiry is told, and which goes first of what
    /// ended in the same millisecond.
    Everything,
    /// What the contract says.
    Contract,
}

impl<H: Harness> Runner<'_, H> {
    /// All that was told since the last comparison is what the model tells.
    pub(super) async fn compare_events(&mut self) {
        self.advance(1).await;
        let end = self.store.create(mark()).await.expect("create").session.id;
        let mut told = Vec::new();
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.next()).await;
            let event = event.expect("the events come").expect("the store is there");
            let event = event.expect("no event is missed");
            if event.session_id == end {
                break;
            }
            if event.user_id != mark().user_id {
                told.push(self.names.told(event));
            }
        }
        let mut expected = std::mem::take(&mut self.model.told);
        self.saw_events(&expected);
        if self.compared == Compare::Contract {
            let expired = What::Ended(EndReason::Expired);
            told.retain(|event| event.3 != expired);
            expected.retain(|event| event.3 != expired);
        }
        assert_eq!(in_steps(told), in_steps(expected));
    }

    fn saw_events(&mut self, events: &[Told]) {
        for event in events {
            let what = match event.3 {
                What::Created(_) => "created",
                What::NewAddress(_) => "addresses change",
                What::DeviceChanged(_) => "devices change",
                What::Rotated => "rotated",
                What::Ended(reason) => reason.as_str(),
            };
            self.saw(what, true);
        }
        let alive = self
            .model
            .sessions
            .iter()
            .filter(|session| session.ended.is_none());
        let gone = self.model.sessions.len() - alive.clone().count();
        self.saw(
            "others live while one is gone",
            gone > 0 && alive.count() > 1,
        );
    }
}

/// Of sessions that end in one step for one reason, each is told, in no certain order.
fn in_steps(mut told: Vec<Told>) -> Vec<Told> {
    let is_one_step = |one: &Told, next: &Told| {
        matches!(one.3, What::Ended(_)) && one.0 == next.0 && one.3 == next.3
    };
    for step in told.chunk_by_mut(is_one_step) {
        step.sort_by_key(|event| event.2);
    }
    told
}
