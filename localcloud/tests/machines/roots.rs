//! Another root volume under a machine: a fresh one while it runs, and the old one again, running or stopped.

use std::time::Duration;

use localcloud::model::{Boot, Effect, Fact, Root};

use super::cloud::{Cloud, until_open};
use super::supervised;

fn change(cloud: &Cloud, boot: &Boot, away: Option<&str>, root: Option<Root>, running: bool) {
    let effect = Effect::Root {
        instance: boot.instance.clone(),
        away: away.map(ToOwned::to_owned),
        root,
        running,
    };
    assert_eq!(cloud.machines.carry_out(effect), None);
}

fn fresh() -> Root {
    Root::Fresh {
        image: "ami-base".to_owned(),
    }
}

fn kept(volume: &str) -> Root {
    Root::Kept {
        volume: volume.to_owned(),
    }
}

async fn rooted(cloud: &mut Cloud, boot: &Boot) {
    let instance = boot.instance.clone();
    assert_eq!(cloud.next().await, Fact::Rooted { instance });
}

async fn running(cloud: &mut Cloud, boot: &Boot) {
    let instance = boot.instance.clone();
    assert_eq!(cloud.next().await, Fact::Running { instance });
    until_open(boot.address).await;
}

/// The console once it shows the host keys of so many disks.
async fn console(cloud: &Cloud, boot: &Boot, disks: usize) -> String {
    let shown = async {
        loop {
            let text = cloud.machines.console(&boot.instance).unwrap_or_default();
            if text.matches("-----END SSH HOST KEY KEYS-----").count() == disks {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(4), shown)
        .await
        .expect("host keys in time")
}

#[test]
fn a_machine_gets_a_fresh_root_and_its_old_one_again() {
    supervised(
        "machines::roots::a_machine_gets_a_fresh_root_and_its_old_one_again",
        async {
            let mut cloud = Cloud::up().await;
            let boot = cloud.launch("ami-base", 30);
            let first = cloud.booted(&boot).await;
            let keys = console(&cloud, &boot, 1).await;
            first.run("echo old | sudo tee /srv/mark; sync").await;

            change(&cloud, &boot, Some("vol-1"), Some(fresh()), true);
            rooted(&mut cloud, &boot).await;
            running(&mut cloud, &boot).await;
            let newer = console(&cloud, &boot, 2).await;
            let second = cloud.login(&boot, &newer, "admin");
            assert_ne!(second.host_keys, first.host_keys, "another disk");
            let mark = "cat /srv/mark 2>/dev/null || echo none; hostname";
            assert_eq!(second.run(mark).await, "none\nip-10-213-1-30");
            second.run("echo new | sudo tee /srv/mark; sync").await;

            change(&cloud, &boot, Some("vol-2"), Some(kept("vol-1")), true);
            rooted(&mut cloud, &boot).await;
            running(&mut cloud, &boot).await;
            let first = cloud.login(&boot, &keys, "admin");
            assert_eq!(first.run("cat /srv/mark").await, "old", "its own host keys");

            change(&cloud, &boot, Some("vol-1"), Some(kept("vol-9")), true);
            let failed = cloud.next().await;
            let Fact::RootFailed { detached, .. } = &failed else {
                panic!("{failed:?}");
            };
            assert!(!detached, "what is not there is found out before");
            running(&mut cloud, &boot).await;

            let instance = boot.instance.clone();
            cloud.machines.stop(&instance);
            let asked = true;
            let stopped = Fact::Stopped { instance, asked };
            assert_eq!(cloud.next().await, stopped);
            change(&cloud, &boot, Some("vol-1"), None, false);
            rooted(&mut cloud, &boot).await;
            change(&cloud, &boot, None, Some(kept("vol-2")), false);
            rooted(&mut cloud, &boot).await;
            cloud.machines.start(&boot.instance);
            running(&mut cloud, &boot).await;
            let second = cloud.login(&boot, &newer, "admin");
            assert_eq!(second.run("cat /srv/mark").await, "new");

            let volume = "vol-1".to_owned();
            cloud.machines.carry_out(Effect::Scrap { volume });
            cloud.machines.terminate(&boot.instance);
            let instance = boot.instance.clone();
            assert_eq!(cloud.next().await, Fact::Gone { instance });
            cloud.down().await;
        },
    );
}
