//! Patience with a machine that is away for a while, as when it restarts.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ssh;

/// How long to wait before a machine that is away is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Tries again while the machine is away, for so long.
pub(super) async fn persist<T>(
    limit: Duration,
    away: impl Fn(&ssh::Error) -> bool,
    mut start: impl AsyncFnMut() -> Result<T, ssh::Error>,
) -> Result<T, ssh::Error> {
    let began = Instant::now();
    loop {
        match start().await {
            Err(error) if away(&error) && began.elapsed() + PAUSE < limit => sleep(PAUSE).await,
            result => return result,
        }
    }
}
