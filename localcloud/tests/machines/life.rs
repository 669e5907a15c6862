//! Start, stop, reboot, shutdown from inside, and what does not start at all.

use std::time::Duration;

use localcloud::machines::Config;
use localcloud::model::Fact;
use tokio::time::Instant;

use super::cloud::{Cloud, config, until_open};
use super::supervised;

#[test]
fn a_machine_stops_starts_and_reboots() {
    supervised(
        "machines::life::a_machine_stops_starts_and_reboots",
        async {
            let mut cloud = Cloud::up().await;
            let boot = cloud.launch("ami-base", 10);
            let instance = boot.instance.clone();
            let login = cloud.booted(&boot).await;
            assert_eq!(
                login.run("hostname; cloud-init status").await,
                "ip-10-213-1-10\nstatus: done"
            );
            assert_eq!(
                login.run("sudo whoami 2>&1").await,
                "root",
                "sudo has nothing to complain about"
            );
            let first = login.run("cat /proc/sys/kernel/random/uuid > ~/kept; cat ~/kept; systemctl is-system-running").await;
            assert!(first.ends_with("running"), "no unit has failed: {first}");

            cloud.machines.stop(&instance);
            assert_eq!(
                cloud.next().await,
                Fact::Stopped {
                    instance: instance.clone(),
                    asked: true
                }
            );
            cloud.machines.start(&instance);
            assert_eq!(
                cloud.next().await,
                Fact::Running {
                    instance: instance.clone()
                }
            );
            until_open(boot.address).await;
            assert!(
                first.starts_with(&login.run("cat ~/kept").await),
                "the same disk, the same host key"
            );

            cloud.machines.reboot(&instance);
            assert_eq!(
                cloud.next().await,
                Fact::Running {
                    instance: instance.clone()
                }
            );
            until_open(boot.address).await;
            login.run("true").await;

            cloud.machines.terminate(&instance);
            assert_eq!(cloud.next().await, Fact::Gone { instance });
            cloud.down().await;
        },
    );
}

#[test]
fn a_machine_that_is_restarted_or_shut_down_from_inside_is_seen() {
    supervised(
        "machines::life::a_machine_that_is_restarted_or_shut_down_from_inside_is_seen",
        async {
            let mut cloud = Cloud::up().await;
            let boot = cloud.launch("ami-base", 11);
            let instance = boot.instance.clone();
            let login = cloud.booted(&boot).await;

            login.try_run("sudo reboot").await;
            assert_eq!(
                cloud.next().await,
                Fact::Running {
                    instance: instance.clone()
                }
            );
            until_open(boot.address).await;

            login.try_run("sudo shutdown -h now").await;
            assert_eq!(
                cloud.next().await,
                Fact::Stopped {
                    instance: instance.clone(),
                    asked: false
                }
            );
            cloud.machines.stop(&instance);
            assert_eq!(
                cloud.next().await,
                Fact::Stopped {
                    instance: instance.clone(),
                    asked: true
                }
            );
            cloud.down().await;
        },
    );
}

#[test]
fn what_cannot_boot_says_why() {
    supervised("machines::life::what_cannot_boot_says_why", async {
        let mut cloud = Cloud::up().await;
        let boot = cloud.launch("ami-none", 12);
        cloud.machines.boot(boot.clone());
        let reason = "there is no image ami-none".to_owned();
        assert_eq!(
            cloud.next().await,
            Fact::BootFailed {
                instance: boot.instance,
                reason
            }
        );

        let boot = cloud.launch("ami-base", 13);
        let login = cloud.booted(&boot).await;
        login
            .run("sudo rm /etc/os-release /usr/lib/os-release")
            .await;
        cloud.machines.freeze("ami-broken", &boot.instance, true);
        assert_eq!(
            cloud.next().await,
            Fact::Frozen {
                image: "ami-broken".to_owned()
            }
        );
        let broken = cloud.launch("ami-broken", 14);
        cloud.machines.boot(broken.clone());
        let Fact::BootFailed { instance, reason } = cloud.next().await else {
            panic!("it booted")
        };
        assert_eq!(instance, broken.instance);
        assert!(
            reason.starts_with("its init did not start: ") && reason.len() > 30,
            "{reason}"
        );
        cloud.machines.terminate(&instance);
        assert_eq!(cloud.next().await, Fact::Gone { instance });
        cloud.down().await;
    });
}

#[test]
fn a_machine_that_will_not_shut_down_is_killed() {
    supervised(
        "machines::life::a_machine_that_will_not_shut_down_is_killed",
        async {
            let stop_within = Duration::from_secs(2);
            let mut cloud = Cloud::up_with(Config {
                stop_within,
                ..config()
            })
            .await;
            let boot = cloud.launch("ami-base", 15);
            let login = cloud.booted(&boot).await;
            login.run("sudo systemd-run --quiet -p ExecStop='/bin/sleep 600' -p TimeoutStopSec=700 sleep 900").await;
            let begun = Instant::now();
            cloud.machines.stop(&boot.instance);
            let instance = boot.instance.clone();
            assert_eq!(
                cloud.next().await,
                Fact::Stopped {
                    instance,
                    asked: true
                }
            );
            assert!(begun.elapsed() >= stop_within, "it was given its time");
            cloud.machines.start(&boot.instance);
            assert!(matches!(cloud.next().await, Fact::Running { .. }));
            until_open(boot.address).await;
            cloud.down().await;
        },
    );
}
