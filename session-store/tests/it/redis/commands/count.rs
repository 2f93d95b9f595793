use std::collections::BTreeMap;

use redis::Connection;

/// What a call made Redis do.
#[derive(Debug)]
pub(super) struct Counted {
    call: &'static str,
    round_trips: u64,
    commands: BTreeMap<String, u64>,
}

/// Counts over a connection of its own.
pub(super) struct Counter {
    connection: Connection,
}

struct Counts {
    /// How often the server read something off a connection.
    reads: u64,
    commands: BTreeMap<String, u64>,
}

impl Counter {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    pub(super) async fn count<T>(
        &mut self,
        call: &'static str,
        operation: impl Future<Output = T>,
    ) -> (Counted, T) {
        let before = self.read();
        let answer = operation.await;
        let mut after = self.read();
        after.commands.retain(|name, calls| {
            *calls -= before.commands.get(name).unwrap_or(&0);
            // Not a script's call itself: what it runs is counted. And not the counting.
            *calls > 0 && !matches!(name.as_str(), "evalsha" | "info")
        });
        let counted = Counted {
            call,
            // The second look was read as well.
            round_trips: after.reads - before.reads - 1,
            commands: after.commands,
        };
        (counted, answer)
    }

    fn read(&mut self) -> Counts {
        let mut info = redis::cmd("INFO");
        info.arg("stats").arg("commandstats");
        let info: String = info.query(&mut self.connection).unwrap();
        let (mut reads, mut commands) = (0, BTreeMap::new());
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            if name == "total_reads_processed" {
                reads = value.parse().unwrap();
            } else if let Some(command) = name.strip_prefix("cmdstat_") {
                let (_, calls) = value.split_once("calls=").unwrap();
                let (calls, _) = calls.split_once(',').unwrap();
                commands.insert(command.to_owned(), calls.parse().unwrap());
            }
        }
        Counts { reads, commands }
    }
}

impl Counted {
    /// As it is stated.
    pub(super) fn cost(&self) -> super::Cost {
        (self.call, self.round_trips, self.commands.values().sum())
    }
}
