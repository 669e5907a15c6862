//! What a machine prints: the newest part of it, kept and passed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};

use crate::model::Fact;

/// As much as `GetConsoleOutput` gives.
const KEPT: usize = 64 * 1024;

/// Silence after which what has been printed is passed on.
const QUIET: Duration = Duration::from_millis(200);

/// The longest that somebody waits for what a machine prints without a pause.
const OFTEN: Duration = Duration::from_secs(2);

/// A machine that has not finished its boot by then does not hold up the next one any longer.
const BOOT: Duration = Duration::from_secs(20);

/// Lines after which somebody waits for the console: the host keys are out, and cloud-init is done.
const AWAITED: [&str; 2] = ["-----END SSH HOST KEY KEYS-----", " finished at "];

/// The newest 64 KiB of a machine's console, shared with whoever asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Console(Arc<Mutex<Vec<u8>>>);

impl Console {
    /// The text so far, with plain line ends.
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes)
            .replace("\r\n", "\n")
            .replace('\r', "")
    }

    /// Adds what was read; returns whether it completed one of the texts, also one that came in two pieces.
    fn append(&self, more: &[u8]) -> [bool; AWAITED.len()] {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(more);
        let over = bytes.len().saturating_sub(KEPT);
        bytes.drain(..over);
        AWAITED.map(|text| {
            let newest = &bytes[bytes.len().saturating_sub(more.len() + text.len() - 1)..];
            !more.is_empty()
                && newest
                    .windows(text.len())
                    .any(|piece| piece == text.as_bytes())
        })
    }
}

/// Reads a run's console to its end. Says that the machine runs at its first sign of life, and gives the permit to
/// boot back when its boot is done. Returns whether there was any sign of life.
pub(super) async fn follow(
    mut output: impl AsyncRead + Unpin,
    instance: String,
    console: Console,
    facts: UnboundedSender<Fact>,
    permit: Option<OwnedSemaphorePermit>,
) -> bool {
    let mut boot = permit.map(|permit| (permit, Instant::now() + BOOT));
    let mut alive = false;
    let mut untold: Option<Instant> = None;
    let mut buffer = [0; 4096];
    let tell = |fact: Fact| drop(facts.send(fact));
    loop {
        let wait = Instant::now() + if untold.is_some() { QUIET } else { BOOT };
        let count = match timeout_at(wait, output.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => count,
            Err(_) => 0,
        };
        let [keys, finished] = console.append(&buffer[..count]);
        let now = Instant::now();
        if count > 0 {
            untold = untold.or(Some(now));
            if !alive {
                tell(Fact::Running {
                    instance: instance.clone(),
                });
            }
            alive = true;
        }
        let due = keys || finished || count == 0;
        if untold.is_some_and(|since| due || now >= since + OFTEN) {
            untold = None;
            tell(Fact::Console {
                instance: instance.clone(),
                text: console.text(),
            });
        }
        boot = boot.filter(|(_, deadline)| !finished && now < *deadline);
    }
    if alive {
        tell(Fact::Console {
            instance,
            text: console.text(),
        });
    }
    alive
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_sign_of_life_comes_first_and_the_host_keys_at_once() {
        let (mut machine, output) = tokio::io::duplex(1024);
        let (facts, mut seen) = mpsc::unbounded_channel();
        let boots = Arc::new(Semaphore::new(1));
        let permit = boots.clone().acquire_owned().await.unwrap();
        let console = Console::default();
        let following = tokio::join!(
            follow(
                output,
                "i-1".to_owned(),
                console.clone(),
                facts,
                Some(permit)
            ),
            async {
                machine.write_all(b"Welcome\r\n").await.unwrap();
                assert_eq!(
                    seen.recv().await,
                    Some(Fact::Running {
                        instance: "i-1".to_owned()
                    })
                );
                machine
                    .write_all(b"-----END SSH HOST KEY KEYS-----\r\n")
                    .await
                    .unwrap();
                let Some(Fact::Console { text, .. }) = seen.recv().await else {
                    panic!("no console")
                };
                assert!(text.starts_with("Welcome\n"), "{text:?}");
                assert_eq!(boots.available_permits(), 0);
                machine
                    .write_all(b"Cloud-init v. 22 finished at now")
                    .await
                    .unwrap();
                drop(boots.acquire().await.unwrap());
                drop(machine);
            }
        );
        assert!(following.0);
        assert!(console.text().ends_with("finished at now"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_boot_that_never_ends_gives_its_permit_back() {
        let (machine, output) = tokio::io::duplex(1024);
        let (facts, _seen) = mpsc::unbounded_channel();
        let boots = Arc::new(Semaphore::new(1));
        let permit = boots.clone().acquire_owned().await.unwrap();
        let following = follow(
            output,
            "i-1".to_owned(),
            Console::default(),
            facts,
            Some(permit),
        );
        let ((), alive) = tokio::join!(
            async {
                drop(boots.acquire().await.unwrap());
                drop(machine);
            },
            following
        );
        assert!(!alive, "it never printed anything");
    }

    #[test]
    fn a_text_that_comes_in_two_pieces_is_seen_once() {
        let console = Console::default();
        assert_eq!(console.append(b"Cloud-init finis"), [false, false]);
        assert_eq!(console.append(b"hed at noon"), [false, true]);
        assert_eq!(console.append(b""), [false, false]);
        assert_eq!(console.append(b", and then some"), [false, false]);
    }

    #[test]
    fn only_the_newest_part_is_kept() {
        let console = Console::default();
        console.append(&vec![b'a'; KEPT]);
        console.append(b"end");
        assert_eq!(console.text().len(), KEPT);
        assert!(console.text().ends_with("aend"));
    }
}
