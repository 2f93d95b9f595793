use std::sync::Arc;
use std::time::Duration;

use session_benches::{Args, Form, Load, Outcome, Progress, Until, take_turns};
use session_test::RedisServer;
use tokio::time::sleep;

use crate::arena::Arena;
use crate::contestant::Place;
use crate::entry::{ENTRIES, Entry};
use crate::races::{self, Count};
use crate::speed::Measured;
use crate::subject::{Operation, Race, Subject};

const TASKS: [usize; 4] = [1, 16, 64, 256];
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Turns that contestants take with each load.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(400);

/// The run of a comparison.
pub(crate) struct Run<'a> {
    args: &'a Args,
    contenders: Vec<Contender>,
    counting: redis::Connection,
    progress: Progress,
}

/// A contestant with its databases.
struct Contender {
    entry: &'static Entry,
    /// Where its sessions stay as they are.
    standing: Arc<dyn Arena>,
    /// What is emptied before each use.
    working: Arc<dyn Arena>,
    /// Where sessions expire.
    expiring: Arc<dyn Arena>,
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) entries: Vec<&'static Entry>,
    pub(crate) speed: Vec<SpeedResult>,
    pub(crate) memory: Vec<(&'static str, f64)>,
    pub(crate) races: Vec<(Race, Vec<(&'static str, Count)>)>,
    pub(crate) elapsed: Duration,
}

/// One operation: each contestant's medians, one for each number of tasks.
pub(crate) struct SpeedResult {
    pub(crate) operation: Operation,
    pub(crate) tasks: Vec<usize>,
    pub(crate) rows: Vec<(&'static str, Vec<Measured>)>,
}

impl<'a> Run<'a> {
    pub(crate) async fn new(args: &'a Args, server: &RedisServer) -> Outcome<Self> {
        let users = match args.form() {
            Form::Full => 1000,
            Form::Short => 100,
        };
        let mut contenders = Vec::new();
        for (index, entry) in ENTRIES.iter().enumerate() {
            let wanted = |subject: &Subject| wants(args, *subject) && (entry.takes_part)(*subject);
            if args.wants_contestant(entry.name) && Subject::ALL.iter().any(wanted) {
                let place =
                    |purpose, lifetime| Place::new(server, index * 3 + purpose, lifetime, users);
                contenders.push(Contender {
                    entry,
                    standing: entry.open(place(0, LIFETIME)).await?,
                    working: entry.open(place(1, LIFETIME)).await?,
                    expiring: entry.open(place(2, races::SHORT_LIFE)).await?,
                });
            }
        }
        let mut run = Self {
            args,
            contenders,
            counting: server.connection(),
            progress: Progress::hidden(),
        };
        let subjects = Subject::ALL
            .into_iter()
            .filter(|subject| wants(args, *subject));
        run.progress = Progress::of(subjects.map(|subject| run.steps(subject)).sum());
        Ok(run)
    }

    /// Measures everything that is wanted.
    pub(crate) async fn finish(mut self) -> Outcome<Results> {
        let mut results = Results {
            entries: self.contenders.iter().map(|one| one.entry).collect(),
            ..Results::default()
        };
        for subject in Subject::ALL {
            if !wants(self.args, subject) || self.of(subject).is_empty() {
                continue;
            }
            self.progress.tell(subject.to_string());
            match subject {
                Subject::Speed(operation) => results.speed.push(self.speed(operation).await?),
                Subject::Memory => results.memory = self.memory().await?,
                Subject::Race(race) => results.races.push((race, self.race(race).await?)),
            }
        }
        results.elapsed = self.progress.finish();
        Ok(results)
    }

    /// The contenders, by their places, that take part; none where no load is left to be measured.
    fn of(&self, subject: Subject) -> Vec<usize> {
        if let Subject::Speed(operation) = subject
            && self.tasks(operation).is_empty()
        {
            return Vec::new();
        }
        let takes_part = |index: &usize| (self.contenders[*index].entry.takes_part)(subject);
        (0..self.contenders.len()).filter(takes_part).collect()
    }

    fn tasks(&self, operation: Operation) -> Vec<usize> {
        let most = match self.args.form() {
            Form::Full => operation.most_tasks(),
            Form::Short => 16,
        };
        let wanted = |tasks: &usize| *tasks <= most && self.args.wants_tasks(*tasks);
        TASKS.into_iter().filter(wanted).collect()
    }

    fn steps(&self, subject: Subject) -> usize {
        let contenders = self.of(subject).len();
        match subject {
            Subject::Speed(operation) => {
                contenders * self.tasks(operation).len() * self.args.rounds_or(ROUNDS)
            }
            Subject::Memory | Subject::Race(_) => contenders,
        }
    }

    async fn speed(&mut self, operation: Operation) -> Outcome<SpeedResult> {
        let taking_part = self.of(Subject::Speed(operation));
        let name = |index: &usize| (self.contenders[*index].entry.name, Vec::new());
        let mut result = SpeedResult {
            operation,
            tasks: self.tasks(operation),
            rows: taking_part.iter().map(name).collect(),
        };
        let duration = self.args.duration_or(ROUND);
        for &tasks in &result.tasks {
            let until = match (self.args.form(), operation) {
                // Users have to be made for them, and a few show that it works.
                (Form::Short, Operation::RevokeAll(_)) => Until::Calls(2 * tasks as u64),
                _ => Until::Elapsed(duration),
            };
            let load = Load { tasks, until };
            let (contenders, counting) = (&self.contenders, &mut self.counting);
            let rounds = self.args.rounds_or(ROUNDS);
            let measure = async |index: usize| {
                let Contender {
                    entry,
                    standing,
                    working,
                    ..
                } = &contenders[index];
                let arena = match operation {
                    Operation::Validate | Operation::Touch | Operation::List(_) => standing,
                    _ => working,
                };
                let measured = arena.measure(operation, load, counting).await;
                measured.map_err(|error| format!("{}: {operation}: {error}", entry.name).into())
            };
            let turns = take_turns(&taking_part, rounds, &self.progress, measure);
            for (row, rounds) in turns.await?.iter().enumerate() {
                result.rows[row].1.push(Measured::median(rounds));
            }
        }
        Ok(result)
    }

    async fn memory(&self) -> Outcome<Vec<(&'static str, f64)>> {
        let sessions = match self.args.form() {
            Form::Full => 200_000,
            Form::Short => 300,
        };
        let mut bytes = Vec::new();
        for index in self.of(Subject::Memory) {
            let Contender { entry, working, .. } = &self.contenders[index];
            bytes.push((entry.name, working.memory(sessions).await?));
            self.progress.step();
        }
        Ok(bytes)
    }

    async fn race(&self, race: Race) -> Outcome<Vec<(&'static str, Count)>> {
        let rounds = match (self.args.form(), race) {
            (Form::Short, _) => 64,
            (Form::Full, Race::CreateAndRevokeAll) => 3200,
            (Form::Full, _) => 3000,
        };
        if race == Race::Expiry {
            return self.expiry(rounds).await;
        }
        let mut counts = Vec::new();
        for index in self.of(Subject::Race(race)) {
            let Contender { entry, working, .. } = &self.contenders[index];
            let count = working.race(race, rounds).await;
            let count = count.map_err(|error| format!("{}: {race}: {error}", entry.name))?;
            counts.push((entry.name, count));
            self.progress.step();
        }
        Ok(counts)
    }

    /// All wait for the same time.
    async fn expiry(&self, sessions: u64) -> Outcome<Vec<(&'static str, Count)>> {
        let taking_part = self.of(Subject::Race(Race::Expiry));
        for &index in &taking_part {
            self.contenders[index].expiring.let_expire(sessions).await?;
        }
        // The sessions' own time, that of what may be remembered of them, and a little for Redis.
        sleep(races::SHORT_LIFE * 5 / 2).await;
        let mut counts = Vec::new();
        for index in taking_part {
            let Contender {
                entry, expiring, ..
            } = &self.contenders[index];
            counts.push((entry.name, expiring.race(Race::Expiry, sessions).await?));
            self.progress.step();
        }
        Ok(counts)
    }
}

/// Whether it is asked for; the short form leaves out what takes long by itself.
fn wants(args: &Args, subject: Subject) -> bool {
    let is_long = matches!(
        subject,
        Subject::Speed(Operation::List(10_000..) | Operation::RevokeAll(10_000..))
    );
    let name = subject.to_string();
    let is_asked_for = args.only.is_empty() || args.only.iter().any(|only| name.starts_with(only));
    is_asked_for && (args.form() == Form::Full || !is_long)
}
