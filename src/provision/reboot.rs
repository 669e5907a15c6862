//! `reboot`: the machine restarts, and is up again when it shows another boot id. A machine that still answers while it goes
//! down is not taken for one that is back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{self, AS_ROOT, Command, Exit, Remote};
use crate::template::provisioner::Reboot;

/// Another for every boot (Linux, Documentation/admin-guide/sysctl/kernel.rst).
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Of one look: a machine that goes down under it never answers.
const LOOK: Duration = Duration::from_secs(10);

/// Restarts the machine.
pub(super) async fn run(
    reboot: &Reboot,
    remote: &impl Remote,
    context: &Context,
    mark: &str,
    events: &dyn Events,
) -> Result<(), Error> {
    let mut sink = Sink::new(events);
    let before = boot_id(remote).await?;
    if before.is_empty() {
        return Err(Error::Unfit(
            "the machine shows no boot id, by which its restart would be seen".to_owned(),
        ));
    }
    let text = match &reboot.command {
        Some(command) => command.render(&context.data())?,
        None => format!("{AS_ROOT} sh -c 'systemctl reboot || reboot'"),
    };
    let began = Instant::now();
    let command = Command::new(format!(": {mark}; {text}")).timeout(Some(reboot.limit));
    match remote.run(command, &mut sink).await {
        Ok(Exit::Code(0) | Exit::Signal(_)) => {}
        Ok(exit) => {
            let what = "the command that restarts the machine".to_owned();
            return Err(Error::Exit { what, exit });
        }
        Err(error) if error.is_lost() => {}
        Err(error) => return Err(error.into()),
    }
    while !is_back(remote, &before).await? {
        if began.elapsed() + PAUSE > reboot.limit {
            return Err(Error::NotBack {
                after: reboot.limit,
            });
        }
        sleep(PAUSE).await;
    }
    sink.note(format!("up again after {} s", began.elapsed().as_secs()));
    Ok(())
}

async fn is_back(remote: &impl Remote, before: &str) -> Result<bool, Error> {
    match boot_id(remote).await {
        Ok(now) => Ok(now != before),
        Err(error) if error.is_lost() => Ok(false),
        // It goes down, or comes up, while it is asked.
        Err(ssh::Error::TimedOut { .. } | ssh::Error::Failed { .. } | ssh::Error::Refused(_)) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn boot_id(remote: &impl Remote) -> Result<String, ssh::Error> {
    let command = Command::new(BOOT_ID).timeout(Some(LOOK));
    let text = remote.capture(command).await?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}
