//! What a roll costs beyond what the cloud itself takes: time between something coming about and kiln acting on it, and reads.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::roll::Verdict;
use localcloud::model::Model;
use localcloud::physics::{Behaviour, Spread};
use tokio::time::Instant;

use super::plain::rolled_once;
use super::{Bench, V1, V2, expect, soak};

/// What a roll took, in virtual time.
struct Pace {
    took: Duration,
    /// Of it, nothing happened in the cloud and kiln had not acted yet.
    added: Duration,
    reads: u32,
}

/// Rolls so many machines for the second time at EC2's own pace, with AWS's own health check: 30 s apart, five good ones.
async fn roll(machines: u32) -> Pace {
    let mut bench = Bench::new().await;
    bench.cloud.world().physics.set_usual(Behaviour {
        start: Spread::seconds(6, 10),
        boot: Spread::seconds(50, 70),
        ..Behaviour::default()
    });
    let health = &mut bench.service.traffic.as_mut().unwrap().target.health_check;
    health.interval = None;
    health.timeout = None;
    health.healthy_threshold = None;
    health.unhealthy_threshold = None;
    bench.service.checks.before.clear();
    bench.service.checks.after.clear();
    let initial = bench.service.groups.initial.as_mut().unwrap();
    (initial.desired.value, initial.max.value) = (machines, machines);
    expect(&bench.roll(V1).await, Verdict::Done);

    let happened = Arc::new(Mutex::new(Instant::now()));
    let added = Arc::new(Mutex::new(Duration::ZERO));
    let last = Arc::clone(&happened);
    let mut seen = String::new();
    let watch = move |model: &Model, _| {
        let now = state(model);
        if now != seen {
            seen = now;
            *last.lock().unwrap() = Instant::now();
        }
    };
    bench.cloud.world().watch(watch);
    let (last, sum) = (Arc::clone(&happened), Arc::clone(&added));
    bench.cloud.guard(move |_| {
        let mut last = last.lock().unwrap();
        *sum.lock().unwrap() += last.elapsed();
        *last = Instant::now();
    });
    let (began, calls) = (Instant::now(), bench.cloud.calls().len());
    let writes = bench.cloud.writes().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    let took = began.elapsed();
    let since = happened.lock().unwrap().elapsed();
    let reads = bench.cloud.calls().len() - calls - (bench.cloud.writes().len() - writes);
    let reads = u32::try_from(reads).unwrap();
    let added = *added.lock().unwrap() + since;
    Pace { took, added, reads }
}

/// What a roll waits for: machines and targets.
fn state(model: &Model) -> String {
    let (groups, targets) = (model.view_groups(), model.view_target_groups());
    let members = groups.iter().flat_map(|group| &group.members);
    let members: Vec<_> = members.map(|one| (&one.instance, one.state)).collect();
    let targets = targets.iter().flat_map(|group| &group.targets);
    let targets: Vec<_> = targets.map(|one| (&one.instance, &one.state)).collect();
    format!("{members:?} {targets:?}")
}

fn tell(machines: u32, pace: &Pace) {
    let Pace { took, added, reads } = pace;
    let share = 100.0 * added.as_secs_f64() / took.as_secs_f64();
    let a_minute = f64::from(*reads) * 60.0 / took.as_secs_f64();
    let mut out = std::io::stderr();
    writeln!(
        out,
        "a roll of {machines} machines: {:.0} s, of which kiln adds {:.1} s ({share:.1} %); {reads} reads, {a_minute:.0} a minute",
        took.as_secs_f64(),
        added.as_secs_f64(),
    )
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_roll_adds_little_to_what_the_cloud_takes() {
    let pace = roll(3).await;
    tell(3, &pace);
    assert!(
        pace.added * 100 <= pace.took * 3,
        "three in a hundred at the most"
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_machines_take_few_reads() {
    let pace = roll(1000).await;
    tell(1000, &pace);
    assert!(f64::from(pace.reads) * 60.0 <= 40.0 * pace.took.as_secs_f64());
}

/// Calls of a second roll that soaks for so many minutes.
async fn soaked(minutes: u64) -> usize {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(minutes)];
    let before = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.cloud.calls().len() - before
}

/// Twelve looks a minute, of which each asks for the group and for its targets.
#[tokio::test(start_paused = true)]
async fn a_look_of_a_soak_is_two_reads() {
    assert_eq!(soaked(10).await - soaked(5).await, 5 * 12 * 2);
}
