//! How soon what another process revokes is refused here.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use session_store::{NearCache, RedisStore, RevokeReason, SessionStore, Token};
use session_test::RedisServer;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines, stdin, stdout};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::{JoinSet, spawn_blocking};

use super::{Extent, Outcome, Row, connect, login, near, spread};

/// The argument by which this program is the other process.
pub(super) const REVOKER: &str = "revoker";

/// Tasks that do nothing but validate, where the machine is to be busy.
const BUSY_TASKS: usize = 64;

/// Between two looks at whether a session is refused yet.
const PAUSE: Duration = Duration::from_micros(50);

pub(super) async fn measure(server: &RedisServer, extent: &Extent) -> Outcome<Vec<Row>> {
    let near = near(&server.url()).await?;
    let mut revoker = Revoker::start(&server.url())?;
    let mut rows = Vec::new();
    for (is_busy, when) in [(false, ""), (true, ", while 64 tasks validate")] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut others = JoinSet::new();
        if is_busy {
            let token = near.create(login(1)).await?.token;
            for _ in 0..BUSY_TASKS {
                others.spawn(keep_validating(near.clone(), token.clone(), stop.clone()));
            }
        }
        let (mut from_sent, mut from_answered) = (Vec::new(), Vec::new());
        for _ in 0..extent.revocations {
            let token = near.create(login(0)).await?.token;
            let [sent, answered, refused] = revocation(&near, &mut revoker, &token).await?;
            from_sent.push(refused.saturating_sub(sent));
            from_answered.push(refused.saturating_sub(answered));
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(other) = others.join_next().await {
            other??;
        }
        let what = |since| format!("revoked by another process, until refused here{when}; {since}");
        let (sent, answered) = (spread(from_sent), spread(from_answered));
        rows.push((what("since it was sent; p50, p99, max"), sent));
        rows.push((what("since it was answered; p50, p99, max"), answered));
    }
    Ok(rows)
}

/// When a revocation was sent and answered there, and refused here: by the machine's clock.
async fn revocation(
    near: &NearCache<RedisStore>,
    revoker: &mut Revoker,
    token: &Token,
) -> Outcome<[Duration; 3]> {
    near.validate(token, None).await?.ok_or("it is alive")?;
    revoker.order(token).await?;
    while near.validate(token, None).await?.is_some() {
        // Asking without a pause would take a core from those who are measured. The runtime's own
        // timer is no finer than a millisecond.
        spawn_blocking(|| thread::sleep(PAUSE)).await?;
    }
    let refused = wall_clock()?;
    let [sent, answered] = revoker.report().await?;
    Ok([sent, answered, refused])
}

async fn keep_validating(
    near: NearCache<RedisStore>,
    token: Token,
    stop: Arc<AtomicBool>,
) -> Outcome {
    while !stop.load(Ordering::Relaxed) {
        near.validate(&token, None).await?.ok_or("it is alive")?;
    }
    Ok(())
}

/// The other process: for each id on a line, revokes, and says when it was sent and answered.
pub(super) async fn revoke_on_demand(url: &str) -> Outcome {
    let store = connect(url).await?;
    let mut orders = BufReader::new(stdin()).lines();
    let mut reports = stdout();
    while let Some(order) = orders.next_line().await? {
        let sent = wall_clock()?;
        let ended = store.revoke(order.parse()?, RevokeReason::Revoked).await?;
        let answered = wall_clock()?;
        ended.ok_or("there was nothing to revoke")?;
        let report = format!("{} {}\n", sent.as_nanos(), answered.as_nanos());
        reports.write_all(report.as_bytes()).await?;
        reports.flush().await?;
    }
    Ok(())
}

struct Revoker {
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Revoker {
    fn start(url: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([REVOKER, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        Ok(Self {
            orders: child.stdin.take().ok_or("its input is piped")?,
            reports: BufReader::new(stdout).lines(),
            _child: child,
        })
    }

    async fn order(&mut self, token: &Token) -> Outcome {
        let order = format!("{}\n", token.id());
        Ok(self.orders.write_all(order.as_bytes()).await?)
    }

    async fn report(&mut self) -> Outcome<[Duration; 2]> {
        let report = self.reports.next_line().await?.ok_or("it has ended")?;
        let (sent, answered) = report.split_once(' ').ok_or("two times")?;
        let nanos = |text: &str| Outcome::Ok(Duration::from_nanos(text.parse()?));
        Ok([nanos(sent)?, nanos(answered)?])
    }
}

/// The one clock that two processes of a machine share.
fn wall_clock() -> Outcome<Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}
