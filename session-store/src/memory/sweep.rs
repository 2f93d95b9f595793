use std::sync::Weak;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time;

use super::Inner;

/// How often what is due is dropped while nobody calls.
const INTERVAL: Duration = Duration::from_secs(1);

/// The task that keeps memory bounded while nobody calls; ends when this is dropped.
pub(super) struct Sweeper(AbortHandle);

impl Sweeper {
    /// Starts it; `None` outside of a runtime, where only calls drop what is due.
    pub(super) fn start(store: Weak<Inner>) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        Some(Self(runtime.spawn(sweep(store)).abort_handle()))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Holds the store only while it sweeps, so that the store can go.
async fn sweep(store: Weak<Inner>) {
    loop {
        time::sleep(INTERVAL).await;
        match store.upgrade() {
            Some(store) => store.step(|_, _| ()),
            None => return,
        }
    }
}
