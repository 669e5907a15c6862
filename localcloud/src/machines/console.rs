//! What a machine prints: the newest part of it, kept and passed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::Fact;

/// As much as GetConsoleOutput gives.
const KEPT: usize = 64 * 1024;

/// Silence after which what has been printed is passed on.
const QUIET: Duration = Duration::from_millis(200);

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

    fn append(&self, more: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(more);
        let over = bytes.len().saturating_sub(KEPT);
        bytes.drain(..over);
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
    let mut fresh = false;
    let mut buffer = [0; 4096];
    let tell = |fact: Fact| facts.send(fact).is_ok();
    loop {
        let wait = if fresh { QUIET } else { BOOT };
        let read = match &boot {
            Some((_, deadline)) => {
                timeout_at(
                    (*deadline).min(Instant::now() + wait),
                    output.read(&mut buffer),
                )
                .await
            }
            None => timeout(wait, output.read(&mut buffer)).await,
        };
        let count = match read {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => count,
            Err(_) => 0,
        };
        console.append(&buffer[..count]);
        if count > 0 && !alive {
            alive = tell(Fact::Running {
                instance: instance.clone(),
            });
        }
        let said = String::from_utf8_lossy(&buffer[..count]);
        let awaited = AWAITED.iter().any(|line| said.contains(line));
        fresh |= count > 0;
        if fresh && (awaited || count == 0) {
            fresh = !tell(Fact::Console {
                instance: instance.clone(),
                text: console.text(),
            });
        }
        boot =
            boot.filter(|(_, deadline)| !said.contains(AWAITED[1]) && Instant::now() < *deadline);
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
    fn only_the_newest_part_is_kept() {
        let console = Console::default();
        console.append(&vec![b'a'; KEPT]);
        console.append(b"end");
        assert_eq!(console.text().len(), KEPT);
        assert!(console.text().ends_with("aend"));
    }
}
