//! What is made ready on the machine before it is provisioned, and what is wiped off it before it becomes an image.

use std::time::Duration;

use crate::bake::{BakePlan, Error};
use crate::run::{Event, Events};
use crate::ssh::{Command, Exit, Remote, Stream, quote};

/// cloud-init installs packages and runs user data; ten minutes of it is more than source images need.
const CLOUD_INIT: Duration = Duration::from_mins(10);
/// The commands of this file end at once.
const SHORT: Duration = Duration::from_mins(1);

/// `status --wait` ends when the boot has; its code is 1 after an error and 2 after one that cloud-init got over.
const WAIT: &str = "\
command -v cloud-init >/dev/null 2>&1 || exit 0
cloud-init status --wait >/dev/null 2>&1 && exit 0
cloud-init status --long 2>&1
exit 3";

/// Root's file holds the key too, behind a command that refuses to log in. `grep` says 1 when it leaves no line, which is
/// no failure.
const CLEAR_KEY: &str = "\
set -eu
root= ; [ \"$(id -u)\" = 0 ] || root='sudo -n'
for file in \"$HOME/.ssh/authorized_keys\" /root/.ssh/authorized_keys; do
  $root test -f \"$file\" || continue
  left=$($root grep -v MATCH \"$file\") || [ $? = 1 ]
  printf '%s' \"${left:+$left
}\" | $root tee \"$file\" >/dev/null
done";

/// Emptied, not removed: systemd then makes a new id at the next boot without taking it for the very first.
const CLEAR_MACHINE_ID: &str = "\
set -eu
root= ; [ \"$(id -u)\" = 0 ] || root='sudo -n'
[ ! -f /etc/machine-id ] || $root truncate -s 0 /etc/machine-id
if [ -f /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
  $root rm -f /var/lib/dbus/machine-id
fi
sync";

/// Waits until cloud-init has done its work; a machine without it is ready at once.
pub(super) async fn wait_for_cloud_init(
    remote: &impl Remote,
    events: &dyn Events,
) -> Result<(), Error> {
    let mut status = Vec::new();
    let mut take = |_: Stream, line: &str| status.push(line.to_owned());
    let command = Command::new(WAIT).timeout(Some(CLOUD_INIT));
    if remote.run(command, &mut take).await? != Exit::Code(0) {
        let text = format!("cloud-init did not end well: {}", status.join("; "));
        events.emit(Event::Warning { text });
    }
    Ok(())
}

/// Takes the build's key out of `authorized_keys`, and the machine's id, so that no two machines of the image share it.
///
/// At a fixed host it may be another machine that answers; its id is not ours to take.
pub(super) async fn wipe(
    plan: &BakePlan,
    public_key: Option<&str>,
    remote: &impl Remote,
    events: &dyn Events,
) -> Result<(), Error> {
    let blob = public_key.and_then(|line| line.split_whitespace().nth(1));
    let named = plan.clear_key.as_ref();
    let pattern = blob
        .map(|blob| format!("-F {}", quote(blob)))
        .or_else(|| named.map(|name| format!("-e {}", quote(&format!(" {name}$")))));
    if let Some(pattern) = pattern {
        run(remote, &CLEAR_KEY.replace("MATCH", &pattern)).await?;
    }
    if plan.ssh.host.is_some() {
        let text = "the machine's id stays: with `ssh_host` it may be another machine's";
        events.emit(Event::Note {
            text: text.to_owned(),
        });
        return Ok(());
    }
    run(remote, CLEAR_MACHINE_ID).await
}

async fn run(remote: &impl Remote, script: &str) -> Result<(), Error> {
    let command = Command::new(format!("sh -c {}", quote(script)));
    let done = remote.capture(command.timeout(Some(SHORT))).await;
    done.map(drop).map_err(Error::Remote)
}
