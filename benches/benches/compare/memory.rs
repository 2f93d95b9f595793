//! Bytes of Redis memory for each session.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use session_benches::Outcome;

use crate::arena::Ground;
use crate::contestant::Contestant;

/// Everything that so many sessions take, three a user: records, indexes, Redis's own tables.
pub(crate) async fn bytes_a_session<C: Contestant>(
    ground: &Ground<C>,
    sessions: u64,
) -> Outcome<f64> {
    ground.clear().await?;
    let before = settled(&ground.database).await?;
    let users = sessions.div_ceil(3);
    ground.provide(0, users, 3).await?;
    let after = settled(&ground.database).await?;
    ground.clear().await?;
    Ok((after - before) / (users * 3) as f64)
}

/// The memory that Redis uses, without its clients' buffers, once it stays as it is: tables have
/// been moved and what was freed is free.
pub(crate) async fn settled(database: &MultiplexedConnection) -> Outcome<f64> {
    let mut last = used(database).await?;
    // Redis moves a table's entries for a millisecond every tenth of a second, and its own count of
    // buffers lags behind: a thousandth more or less is as settled as it gets.
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = used(database).await?;
        if (now - last).abs() < 0.001 * now {
            return Ok(now);
        }
        last = now;
    }
    Err("Redis's memory doesn't settle".into())
}

async fn used(database: &MultiplexedConnection) -> Outcome<f64> {
    let mut info = redis::cmd("INFO");
    let info: String = info
        .arg("memory")
        .query_async(&mut database.clone())
        .await?;
    let field = |name: &str| -> Outcome<f64> {
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        let field = fields.find(|(key, _)| *key == name);
        let (_, value) = field.ok_or_else(|| format!("INFO has no {name}"))?;
        Ok(value.trim().parse()?)
    };
    Ok(field("used_memory")? - field("mem_clients_normal")?)
}
