//! How the cost of each call grows: with the sessions of a user, and with the sessions in all.
//!
//! `cargo bench -p session-benches --bench growth` measures; `-- --only user` or `-- --only all`
//! does one of the two.

#![allow(clippy::print_stdout, reason = "a benchmark prints its report")]

mod calls;
mod figures;
mod population;

use std::sync::Arc;
use std::time::Duration;

use session_benches::{Args, Form, Machine, Outcome, Progress, Report, median, take_turns};
use session_test::RedisServer;

use self::calls::{CALLS, Call, Measured};
use self::population::{Population, Size};

/// What grows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Growth {
    SessionsOfAUser,
    SessionsInAll,
}

impl Growth {
    fn name(self) -> &'static str {
        match self {
            Self::SessionsOfAUser => "sessions of a user",
            Self::SessionsInAll => "sessions in all",
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Self::SessionsOfAUser => "user",
            Self::SessionsInAll => "all",
        }
    }

    /// Only the one of the two grows: users get more sessions of as many in all, or there are more
    /// users of three sessions each.
    fn sizes(self, form: Form) -> Vec<Size> {
        match (self, form) {
            (Self::SessionsOfAUser, Form::Full) => [1, 3, 10, 100, 1000, 10_000, 100_000]
                .map(|of_a_user| Size::new(of_a_user, 100_000))
                .to_vec(),
            (Self::SessionsOfAUser, Form::Short) => [1, 100].map(|n| Size::new(n, 200)).to_vec(),
            (Self::SessionsInAll, Form::Full) => [1000, 10_000, 100_000, 1_000_000, 4_000_000]
                .map(|sessions| Size::new(3, sessions))
                .to_vec(),
            (Self::SessionsInAll, Form::Short) => [200, 400].map(|n| Size::new(3, n)).to_vec(),
        }
    }

    fn of(self, size: Size) -> usize {
        match self {
            Self::SessionsOfAUser => size.sessions_of_a_user,
            Self::SessionsInAll => size.sessions,
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let args = Args::read();
    let machine = Machine::with(&RedisServer::start());
    let title = "Growth of costs, with the sessions of a user and with the sessions in all";
    let mut report = Report::new("growth", title, &machine, &args);
    for growth in [Growth::SessionsOfAUser, Growth::SessionsInAll] {
        if args.wants(growth.name()) {
            let sizes = growth.sizes(args.form());
            let grown = measure(growth, &sizes, &args).await?;
            figures::tell(&mut report, growth, &grown);
        }
    }
    println!("{}", report.text());
    println!("written to {}", report.write()?.display());
    Ok(())
}

/// What was measured at one size, call by call; `None` where a call makes no sense there.
pub(crate) struct Grown {
    pub(crate) size: Size,
    pub(crate) bytes_per_session: f64,
    pub(crate) calls: Vec<Option<Measured>>,
}

/// All populations are there at once, each on a Redis of its own, so that they take turns.
async fn measure(growth: Growth, sizes: &[Size], args: &Args) -> Outcome<Vec<Grown>> {
    let rounds = args.rounds_or(3);
    let duration = args.duration_or(Duration::from_millis(250));
    let progress = Progress::of(sizes.len() + sizes.len() * CALLS.len() * rounds);
    let mut populations = Vec::new();
    for &size in sizes {
        progress.tell(format!("creating {}", growth.of(size)));
        populations.push(Population::create(size).await?);
        progress.step();
    }
    // The same call at one size after the other, so that they meet with the same weather.
    let turns: Vec<(usize, Call)> = CALLS
        .iter()
        .flat_map(|&call| (0..sizes.len()).map(move |size| (size, call)))
        .filter(|&(size, call)| call.fits(sizes[size]))
        .collect();
    let measured = take_turns(&turns, rounds, &progress, async |(size, call)| {
        progress.tell(format!("{} at {}", call.name(), growth.of(sizes[size])));
        call.measure(&populations[size], duration).await
    });
    let measured = measured.await?;
    progress.finish();
    let median_of = |wanted: (usize, Call)| {
        let index = turns.iter().position(|turn| *turn == wanted)?;
        let all = &measured[index];
        Some(Measured {
            calls: median(all.iter().map(|one| one.calls)),
            redis_micros: median(all.iter().map(|one| one.redis_micros)),
            redis_cpu_micros: median(all.iter().map(|one| one.redis_cpu_micros)),
        })
    };
    let grown = |(index, population): (usize, &Arc<Population>)| Grown {
        size: population.size,
        bytes_per_session: population.bytes_per_session,
        calls: CALLS.map(|call| median_of((index, call))).to_vec(),
    };
    Ok(populations.iter().enumerate().map(grown).collect())
}
