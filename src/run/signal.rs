//! Stop requests: the first asks, the second gives up the way back, the third ends the process.

use tokio_util::sync::CancellationToken;

/// How urgently a run is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Stop and unwind.
    Ask,
    /// Skip what is left of the way back and list it.
    Skip,
    /// End at once.
    Kill,
}

/// The two tokens that a run looks at.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled by the first signal.
    pub asked: CancellationToken,
    /// Cancelled by the second.
    pub skip: CancellationToken,
}

impl Stop {
    /// Passes one request on.
    pub fn request(&self, urgency: Urgency) {
        self.asked.cancel();
        if urgency >= Urgency::Skip {
            self.skip.cancel();
        }
    }
}

/// Turns SIGINT, SIGTERM and SIGHUP into stop requests until the third, then returns.
///
/// The caller races it against the run and ends the process when it returns. Errors when handlers cannot be installed.
pub async fn listen(stop: &Stop) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    for urgency in [Urgency::Ask, Urgency::Skip, Urgency::Kill] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        stop.request(urgency);
    }
    Ok(())
}
