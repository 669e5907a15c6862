//! The check `instance` on a real sshd: how a command there ended, and what keeps it from running.

use std::time::Duration;

use kiln::roll::{HttpProbe, Probe as _};
use kiln::run::Silent;
use kiln::ssh::{HostKeys, Known, keys};

use super::server::Server;

#[tokio::test]
async fn a_command_on_a_machine_says_how_it_ended() {
    let server = Server::start();
    let run = async |command: &str| {
        HttpProbe
            .on_machine(server.target(), command, &Silent)
            .await
    };
    let ran = run("echo one; echo two >&2; exit 3").await.unwrap();
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.tail.contains("one") && ran.tail.contains("two"),
        "{ran:?}"
    );
    assert_eq!(run("true").await.unwrap().code, Some(0));
    assert_eq!(run("kill -9 $$").await.unwrap().code, None);
    // What takes too long is dropped, and does not hold the roll.
    let slow = run("sleep 60");
    let late = tokio::time::timeout(Duration::from_secs(1), slow).await;
    assert!(late.is_err());
    let mut stranger = server.target();
    let other = keys::generate("another").unwrap();
    let other = kiln::ssh::HostKey::parse(other.public()).unwrap();
    stranger.host_keys = HostKeys::Known(vec![Known::Key(other)]);
    let refused = HttpProbe.on_machine(stranger, "true", &Silent).await;
    assert!(refused.is_err(), "{refused:?}");
}
