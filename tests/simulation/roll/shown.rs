//! What `status` and `roll --plan` show of what is changed for a while.

mod drift;

use kiln::roll::{Verdict, status};
use kiln::run::Clock as _;

use super::doctor::{swapped, tag_group};
use super::plain::rolled_once;
use super::regrow::minimum;
use super::{Bench, V2, V3, expect};

/// A held minimum of a run that nobody knows any more, good until an hour from now.
fn hold_minimum(bench: &Bench, group: &str) {
    let (run, now) = (bench.next_run(), bench.cloud.now());
    let until = now + jiff::SignedDuration::from_hours(1);
    tag_group(
        bench,
        group,
        "kiln:lease:min-size",
        &format!("{run} {until} 1"),
    );
}

#[tokio::test(start_paused = true)]
async fn status_shows_what_has_run_out_and_a_rollback_restores_it() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    hold_minimum(&bench, "web-v002");
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let [text] = &stands.temporary[..] else {
        panic!("{stands}");
    };
    assert!(text.starts_with("held minimum of group web-v002"), "{text}");
    bench.pass(3500).await;
    bench.pass(101).await;
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let shown = stands.to_string();
    assert!(
        shown.contains("has run out: held minimum of group web-v002"),
        "{shown}"
    );
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    assert_eq!(minimum(&bench, "web-v002"), (1, false));
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_what_would_be_put_right_first() {
    let base = rolled_once().await;
    expect(&base.roll(V2).await, Verdict::Done);
    let bench = base.fork().await;
    hold_minimum(&bench, "web-v002");
    bench.pass(3700).await;
    let before = bench.cloud.writes().len();
    let plan = bench.plan(V3).await;
    assert!(
        plan.first[0].starts_with("put right: held minimum of group web-v002"),
        "{plan:?}"
    );
    assert_eq!(plan.first[1..], ["retire: group web-v001"]);
    assert_eq!(bench.cloud.writes().len(), before);
    let plan = swapped().await.plan(V3).await;
    let first = plan.first.join("\n");
    for part in [
        "traffic of web",
        "group web-v002",
        "probe rule for web-v002",
        "version of launch",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
}
