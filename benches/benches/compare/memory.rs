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
    finish_growing(&ground.database, sessions).await?;
    let after = settled(&ground.database).await?;
    ground.clear().await?;
    Ok((after - before) / (users * 3) as f64)
}

/// Redis moves a growing table to its new place a bucket at each look, and until then has both.
async fn finish_growing(database: &MultiplexedConnection, sessions: u64) -> Outcome {
    const AT_ONCE: usize = 1000;
    let mut exists = redis::cmd("EXISTS");
    for _ in 0..AT_ONCE {
        exists.arg("nothing");
    }
    // No contestant has more than four keys a session.
    for _ in 0..(4 * sessions).div_ceil(AT_ONCE as u64) {
        exists.exec_async(&mut database.clone()).await?;
    }
    Ok(())
}

/// The memory that Redis uses, without its clients' buffers, once it stays as it is: what was
/// freed is free.
pub(crate) async fn settled(database: &MultiplexedConnection) -> Outcome<f64> {
    let mut last = used(database).await?;
    // Its own count of buffers lags behind: a thousandth more or less is as settled as it gets.
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
