//! After kill -9 of any process, `down` leaves nothing.

use localcloud::host;

use super::{Cloud, processes, until};

fn signal(name: &str, process: u32) {
    let sent = std::process::Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill {name} {process}");
}

/// The processes of the cloud whose program has this name.
fn of_program(cloud: &Cloud, program: &str) -> Vec<u32> {
    let marks = [
        cloud.config.run.display().to_string(),
        cloud.config.name.clone(),
    ];
    let all = marks.iter().flat_map(|mark| processes(mark));
    let mut found: Vec<u32> = all.filter(|id| name(*id) == program).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn name(process: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
    name.unwrap_or_default().trim().to_owned()
}

/// The supervisor as this pid namespace sees it: the child of `unshare`.
fn supervisor(cloud: &Cloud) -> u32 {
    let unshare = of_program(cloud, "unshare")[0];
    let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
    children.unwrap().trim().parse().unwrap()
}

async fn killed(find: impl Fn(&Cloud) -> u32) {
    let cloud = Cloud::up().await;
    cloud.machine().await;
    let victim = find(&cloud);
    signal("-9", victim);
    until("it is dead", async || name(victim).is_empty()).await;
    host::down(&cloud.config).await.unwrap();
    cloud.is_gone().await;
}

#[tokio::test]
async fn killing_the_supervisor_leaves_nothing_after_down() {
    killed(supervisor).await;
}

#[tokio::test]
async fn killing_unshare_leaves_nothing_after_down() {
    killed(|cloud| of_program(cloud, "unshare")[0]).await;
}

#[tokio::test]
async fn killing_a_proxy_leaves_nothing_after_down() {
    killed(|cloud| of_program(cloud, "haproxy")[0]).await;
}

#[tokio::test]
async fn killing_a_machine_leaves_nothing_after_down() {
    killed(|cloud| of_program(cloud, "systemd-nspawn")[0]).await;
}

#[tokio::test]
async fn a_stopped_supervisor_that_answers_nothing_is_killed() {
    let cloud = Cloud::up().await;
    cloud.machine().await;
    let supervisor = supervisor(&cloud);
    signal("-STOP", supervisor);
    host::down(&cloud.config).await.unwrap();
    cloud.is_gone().await;
}

#[tokio::test]
async fn after_a_death_up_starts_anew() {
    let cloud = Cloud::up().await;
    cloud.machine().await;
    signal("-9", supervisor(&cloud));
    let again = host::up(&cloud.config, &mut |_| {}).await.unwrap();
    assert!(!again.already);
    assert_eq!(again.status.seen.instances, []);
    cloud.down().await;
}

#[tokio::test]
async fn sigterm_ends_the_supervisor_in_order() {
    let cloud = Cloud::up().await;
    cloud.machine().await;
    let supervisor = supervisor(&cloud);
    signal("-TERM", supervisor);
    until("it has ended", async || name(supervisor).is_empty()).await;
    let left = host::leftovers(&cloud.config).await.unwrap();
    assert!(
        left.iter()
            .all(|left| left.starts_with("/run/kilnhost-local")),
        "only its folder is left: {left:?}"
    );
    host::down(&cloud.config).await.unwrap();
    cloud.is_gone().await;
}
