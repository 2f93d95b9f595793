use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// What this process and a Redis have spent so far; the difference of two is a [`Cost`].
#[derive(Clone, Debug)]
pub struct Counters {
    client_cpu: Duration,
    redis_cpu: Duration,
    /// Calls and microseconds by command, those within scripts included.
    commands: BTreeMap<String, (f64, f64)>,
    reads: f64,
    bytes: f64,
}

/// What a number of calls cost, each.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Of this process, µs: the store, its Redis client, the runtime and the kernel's share.
    pub client_cpu_micros: f64,
    /// Of Redis, µs: the network, parsing and running commands.
    pub redis_cpu_micros: f64,
    /// Of Redis, µs: running commands alone, by its own count.
    pub command_micros: f64,
    /// How many commands Redis runs, those within scripts included.
    pub commands: f64,
    /// How often Redis reads from a connection: from a single task, the round trips. From many, the
    /// requests of several may come with one read.
    pub reads: f64,
    /// Over the network, in both directions.
    pub bytes: f64,
}

/// The commands that run scripts; what a script calls is counted under its own name besides.
const SCRIPT_CALLS: [&str; 6] = [
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
];

impl Counters {
    /// As they are now. `connection` is one that nobody else uses: opening one would be counted.
    ///
    /// # Errors
    ///
    /// Where `INFO` can't be read, or tells something else than expected.
    pub fn read(connection: &mut redis::Connection) -> Outcome<Self> {
        let info: String = redis::cmd("INFO").arg("everything").query(connection)?;
        let field = |name: &str| -> Outcome<f64> {
            let mut fields = info.lines().filter_map(|line| line.split_once(':'));
            let field = fields.find(|(key, _)| *key == name);
            let (_, value) = field.ok_or_else(|| format!("INFO has no {name}"))?;
            Ok(value.trim().parse()?)
        };
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Ok(Self {
            client_cpu: Duration::try_from(cpu)?,
            redis_cpu: Duration::from_secs_f64(field("used_cpu_user")? + field("used_cpu_sys")?),
            commands: info.lines().filter_map(command).collect(),
            reads: field("total_reads_processed")?,
            bytes: field("total_net_input_bytes")? + field("total_net_output_bytes")?,
        })
    }

    /// What was spent since, for each of so many calls.
    pub fn since(&self, before: &Self, calls: u64) -> Cost {
        let calls = calls.max(1) as f64;
        let micros = |now: Duration, then: Duration| {
            now.saturating_sub(then).as_secs_f64() * 1_000_000.0 / calls
        };
        let (mut scripts, mut others) = ((0.0, 0.0), (0.0, 0.0));
        for (name, (count, spent)) in &self.commands {
            let then = before.commands.get(name).copied().unwrap_or_default();
            let sum = match name.as_str() {
                // What reading the counters costs is nobody's.
                "info" => continue,
                name if SCRIPT_CALLS.contains(&name) => &mut scripts,
                _ => &mut others,
            };
            *sum = (sum.0 + count - then.0, sum.1 + spent - then.1);
        }
        // A script's time includes that of the commands it calls.
        let spent = if scripts.0 > 0.0 { scripts.1 } else { others.1 };
        Cost {
            client_cpu_micros: micros(self.client_cpu, before.client_cpu),
            redis_cpu_micros: micros(self.redis_cpu, before.redis_cpu),
            command_micros: spent / calls,
            commands: others.0 / calls,
            // The later of the two looks was read as well.
            reads: (self.reads - before.reads - 1.0).max(0.0) / calls,
            bytes: (self.bytes - before.bytes) / calls,
        }
    }
}

/// `cmdstat_get:calls=3,usec=5,…` as name, calls and microseconds.
fn command(line: &str) -> Option<(String, (f64, f64))> {
    let (name, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let field = |name: &str| {
        let mut fields = fields.split(',').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(key, _)| *key == name)?;
        value.parse::<f64>().ok()
    };
    Some((name.to_owned(), (field("calls")?, field("usec")?)))
}

#[cfg(test)]
mod tests {
    use session_test::RedisServer;

    use super::*;

    #[test]
    fn commands_round_trips_and_time_are_those_of_the_calls() {
        let server = RedisServer::start();
        let mut connection = server.connection();
        // A connection's first commands are its own.
        redis::cmd("PING").exec(&mut connection).unwrap();
        let mut reading = server.connection();
        let before = Counters::read(&mut reading).unwrap();
        for _ in 0..100 {
            let mut pipeline = redis::pipe();
            pipeline.set("key", "value").get("key");
            pipeline.exec(&mut connection).unwrap();
        }
        let after = Counters::read(&mut reading).unwrap();
        let cost = after.since(&before, 100);
        assert_eq!(cost.commands.round(), 2.0);
        assert_eq!(cost.reads.round(), 1.0);
        assert!(cost.command_micros >= 0.0 && cost.bytes > 50.0);
    }

    #[test]
    fn what_a_script_calls_is_counted_and_its_time_once() {
        let info = "cmdstat_evalsha:calls=2,usec=100,x=1\ncmdstat_get:calls=6,usec=30";
        let counters = |commands| Counters {
            client_cpu: Duration::ZERO,
            redis_cpu: Duration::ZERO,
            commands,
            reads: 0.0,
            bytes: 0.0,
        };
        let after = counters(info.lines().filter_map(command).collect());
        let cost = after.since(&counters(BTreeMap::new()), 2);
        assert_eq!((cost.commands, cost.command_micros), (3.0, 50.0));
    }
}
