//! Every order in which reads, changes, and what is told of them can meet: no order leaves an answer
//! in memory that is out of date. Nothing is left to the scheduler, the test makes each step.

use std::pin::Pin;
use std::time::Duration;

use session_store::{
    Config, NearCache, NewSession, RevokeReason, Session, SessionStore, Update, UserId,
};

use super::by_hand::{BEGIN, ByHand, now, poll};

/// Calls of the cache's own that change the session or end it.
const OWN_CALLS: [&str; 9] = [
    "create",
    "validate",
    "touch",
    "update",
    "rotate",
    "revoke",
    "revoke_token",
    "revoke_others",
    "revoke_all",
];

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call is made through the cache: of which actor, and which call.
    Call(usize, &'static str),
    /// It reaches the store.
    Execute(usize),
    /// Its answer arrives.
    Answer(usize),
    /// The caller goes away.
    Cancel(usize),
    /// Somebody else changes the session.
    Change,
    /// The last changes are told.
    Tell,
    /// It is told that everything may have changed.
    TellAll,
    /// Changes go untold from now on.
    Lose,
    /// They are told again.
    Resume,
}

fn read(actor: usize, call: &'static str) -> Vec<Step> {
    vec![
        Step::Call(actor, call),
        Step::Execute(actor),
        Step::Answer(actor),
    ]
}

type Calling = Pin<Box<dyn Future<Output = ()>>>;

struct World {
    hand: ByHand,
    near: NearCache<ByHand>,
    /// Each actor's call, and its number with the store.
    calls: Vec<Option<(Calling, usize)>>,
    /// Which version its call made, where it changed anything.
    made: Vec<u32>,
    is_down: bool,
    /// What is older than this version must not be served from memory.
    floor: u32,
}

impl World {
    fn new(actors: usize, is_touch_due: bool) -> Self {
        let config = Config::default();
        let hand = ByHand::new(config.clone());
        if is_touch_due {
            hand.set_time(BEGIN.saturating_add(config.touch_interval));
        }
        Self {
            near: hand.cached(),
            hand,
            calls: (0..actors).map(|_| None).collect(),
            made: vec![0; actors],
            is_down: false,
            floor: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call(actor, call) => {
                let number = self.hand.calls();
                let mut calling = self.call(call);
                // Memory may know already, as the check after each step finds.
                if poll(&mut calling).is_none() {
                    self.calls[actor] = Some((calling, number));
                }
            }
            Step::Execute(actor) => {
                if let Some((_, number)) = self.calls[actor] {
                    let before = self.hand.version();
                    self.hand.execute(number);
                    let version = self.hand.version();
                    if version > before {
                        self.made[actor] = version;
                    }
                }
            }
            Step::Answer(actor) => {
                if let Some((mut calling, number)) = self.calls[actor].take() {
                    self.hand.answer(number);
                    assert!(poll(&mut calling).is_some());
                    // What was changed here is seen here.
                    self.floor = self.floor.max(self.made[actor]);
                }
            }
            Step::Cancel(actor) => {
                self.calls[actor] = None;
                self.floor = self.floor.max(self.made[actor]);
            }
            Step::Change => self.hand.change(),
            Step::Tell if self.is_down => {}
            Step::Tell => {
                self.hand.tell();
                self.floor = self.hand.version();
            }
            Step::TellAll => {
                self.hand.tell_all();
                self.floor = self.hand.version();
            }
            Step::Lose => {
                self.is_down = true;
                self.hand.set_told(None);
                self.hand.tell_all();
            }
            Step::Resume => {
                self.hand.tell_all();
                self.is_down = false;
                self.hand.set_told(Some(Duration::ZERO));
                self.floor = self.hand.version();
            }
        }
    }

    fn call(&self, call: &'static str) -> Calling {
        let (near, token) = (self.near.clone(), self.hand.token().clone());
        let (id, user, reason) = (token.id(), UserId::from(74), RevokeReason::Revoked);
        let current = Session::new(id, user.clone(), BEGIN, BEGIN);
        Box::pin(async move {
            match call {
                "peek" => drop(near.peek(&token).await.unwrap()),
                "validate" => drop(near.validate(&token, None).await.unwrap()),
                "create" => drop(near.create(NewSession::new(user)).await.unwrap()),
                "touch" => drop(near.touch(id, None).await.unwrap()),
                "update" => drop(near.update(&current, Update::default()).await.unwrap()),
                "rotate" => drop(near.rotate(&token).await.unwrap()),
                "revoke" => drop(near.revoke(id, reason).await.unwrap()),
                "revoke_token" => drop(near.revoke_token(&token, reason).await.unwrap()),
                "revoke_others" => drop(near.revoke_others(id, reason).await.unwrap()),
                "revoke_all" => drop(near.revoke_all(&user, reason).await.unwrap()),
                other => unreachable!("{other}"),
            }
        })
    }

    /// What memory answers, where it does, is as new as it has to be. Answers whether it did.
    fn check(&self, steps: &[Step]) -> bool {
        let answer = now(self.near.get(self.hand.token().id()));
        let Some(answer) = answer else {
            return false;
        };
        let session = answer.unwrap().unwrap();
        assert!(!self.is_down, "served while nothing is told: {steps:?}");
        let version = session.revision;
        assert!(
            version >= self.floor,
            "{version} < {}: {steps:?}",
            self.floor
        );
        true
    }
}

/// Runs every order that keeps each actor's own; answers how many there were, and in how many of
/// them something was served from memory.
fn every_order(actors: &[Vec<Step>], is_touch_due: bool) -> (usize, usize) {
    let mut orders = Vec::new();
    let mut at = vec![0; actors.len()];
    interleave(actors, &mut at, &mut Vec::new(), &mut orders);
    let mut served = 0;
    for steps in &orders {
        let mut world = World::new(actors.len(), is_touch_due);
        let mut any = false;
        for (made, step) in steps.iter().enumerate() {
            world.step(*step);
            any |= world.check(&steps[..=made]);
        }
        served += usize::from(any);
    }
    (orders.len(), served)
}

fn interleave(
    actors: &[Vec<Step>],
    at: &mut Vec<usize>,
    made: &mut Vec<Step>,
    orders: &mut Vec<Vec<Step>>,
) {
    let mut is_whole = true;
    for actor in 0..actors.len() {
        if let Some(step) = actors[actor].get(at[actor]) {
            is_whole = false;
            at[actor] += 1;
            made.push(*step);
            interleave(actors, at, made, orders);
            made.pop();
            at[actor] -= 1;
        }
    }
    if is_whole {
        orders.push(made.clone());
    }
}

const CHANGE: [Step; 2] = [Step::Change, Step::Tell];

/// After everything has been told, memory answers what is, or nothing.
#[test]
fn no_order_of_reads_and_changes_leaves_an_old_answer() {
    let actors = [
        read(0, "peek"),
        read(1, "validate"),
        CHANGE.to_vec(),
        CHANGE.to_vec(),
    ];
    let (orders, served) = every_order(&actors, false);
    assert_eq!(orders, 25_200);
    assert!(served > orders / 4, "{served}");
}

#[test]
fn no_order_of_reads_and_a_flush_leaves_an_old_answer() {
    let flush = vec![Step::Change, Step::TellAll];
    let actors = [read(0, "peek"), read(1, "peek"), flush, CHANGE.to_vec()];
    let (orders, served) = every_order(&actors, false);
    assert_eq!(orders, 25_200);
    assert!(served > orders / 4, "{served}");
}

#[test]
fn no_order_of_reads_and_a_broken_connection_leaves_an_old_answer() {
    let break_down = vec![Step::Lose, Step::Change, Step::Resume];
    let actors = [
        read(0, "peek"),
        read(1, "validate"),
        break_down,
        CHANGE.to_vec(),
    ];
    let (orders, served) = every_order(&actors, false);
    assert_eq!(orders, 92_400);
    assert!(served > orders / 8, "{served}");
}

#[test]
fn what_was_changed_here_is_seen_here_without_being_told() {
    for call in OWN_CALLS {
        let actors = [read(0, "peek"), read(1, "peek"), read(2, call)];
        let (orders, served) = every_order(&actors, call == "validate");
        assert_eq!(orders, 1680);
        assert!(served > orders / 8, "{call}: {served}");
    }
}

#[test]
fn what_was_changed_by_a_call_that_is_cut_off_is_seen_here() {
    for call in OWN_CALLS {
        let cut_off = vec![Step::Call(1, call), Step::Execute(1), Step::Cancel(1)];
        let actors = [read(0, "peek"), cut_off, read(2, "peek")];
        let (orders, served) = every_order(&actors, call == "validate");
        assert_eq!(orders, 1680);
        assert!(served > orders / 8, "{call}: {served}");
    }
}
