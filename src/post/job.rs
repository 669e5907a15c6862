//! Work on files, off the thread that hears signals: how far it has come is seen, and a stop ends it within a piece.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::post::Error;
use crate::run::{Event, Events, Stop};

/// How often progress is told.
const PACE: Duration = Duration::from_millis(250);

/// What the work and whoever waits for it both see.
#[derive(Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
    stop: AtomicBool,
}

/// Reads, and notes how much; fails when it is to stop.
pub(super) struct Metered<R> {
    source: R,
    meter: Arc<Meter>,
}

impl<R> Metered<R> {
    pub fn new(source: R, meter: &Arc<Meter>) -> Self {
        let meter = Arc::clone(meter);
        Self { source, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.meter.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped on request"));
        }
        let count = self.source.read(piece)?;
        self.meter.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Who hears of the work.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub step: &'static str,
    pub stop: &'a Stop,
    pub events: &'a dyn Events,
}

/// Waits for work on `total` bytes. A stop is waited for, too: what was begun is taken back by then.
pub(super) async fn work<T: Send + 'static>(
    watch: Watch<'_>,
    total: u64,
    body: impl FnOnce(&Arc<Meter>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Watch { step, stop, events } = watch;
    let meter = Arc::new(Meter::default());
    let theirs = Arc::clone(&meter);
    let mut working = tokio::task::spawn_blocking(move || body(&theirs));
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut working => break ended,
            () = stop.asked.cancelled(), if !stopping => {
                stopping = true;
                meter.stop.store(true, Ordering::Relaxed);
            }
            () = tokio::time::sleep(PACE) => {
                let bytes = meter.bytes.load(Ordering::Relaxed);
                let total = Some(total);
                events.emit(Event::Progress { step, bytes, total });
            }
        }
    };
    match ended {
        Ok(Err(_)) if stopping => Err(Error::Stopped),
        Ok(result) => result,
        Err(error) => Err(Error::Broken(error.to_string())),
    }
}
