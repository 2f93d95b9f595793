//! SIGTERM and SIGINT: the first one shuts down in good order, the second one at once.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::log;

/// The exit code of a process that a signal has ended: 128 and SIGTERM's number.
const ENDED_BY_SIGNAL: i32 = 143;

/// Resolves at the first signal. Both signals are caught from now on, polled or not.
pub(crate) fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            log::flush();
            std::process::exit(ENDED_BY_SIGNAL);
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
