//! What stays of a service that is destroyed.

use kiln::roll::{NAMELESS, Verdict, work_off_alone};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::{lead_elsewhere, tagged};
use crate::simulation::roll::pair::{on_latest, untouched};
use crate::simulation::roll::replace_root::{rooted, volumes};
use crate::simulation::roll::retire::waiting;
use crate::simulation::roll::{Bench, V2, expect, holder};

/// Nobody rolls the service any more, but the due-list is there.
async fn sweep(bench: &Bench) {
    let sweep = holder(bench.next_run(), bench.cloud.now());
    let by = (bench.cloud.now(), NAMELESS);
    let wait = waiting(bench);
    let work = work_off_alone("web", &sweep, by, &bench.client, &bench.store, &wait);
    let done = work.await.ok().unwrap().unwrap();
    assert_eq!(done.left.len(), 0, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_machine_had_stays_and_an_old_root_goes_at_its_time() {
    let bench = rooted().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let (_, old) = volumes(&bench);
    let shown = bench.last_look().await.to_string();
    for part in [
        "web is at work: what the machines of group web-v001 do is done by nobody then",
        "stays: it does not end with machine i-",
        "stays until then, when `kiln sweep` deletes it: replaced root vol-",
        "stays until then, when `kiln sweep` deletes it: snapshots of data volumes",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!((tagged(&bench), bench.groups()), (Vec::new(), Vec::new()));
    let there = |bench: &Bench| {
        let snapshots = bench.cloud.world().model.view_snapshots().len();
        (volumes(bench).1, snapshots, bench.store.due().len())
    };
    bench.pass(60).await;
    let (left, snapshots, due) = there(&bench);
    assert_eq!((left.len(), snapshots, due), (2, 1, 2), "{left:?}");
    let data: Vec<String> = left.into_iter().filter(|id| !old.contains(id)).collect();
    assert!(shown.contains(&data[0]), "{data:?}: {shown}");
    sweep(&bench).await;
    assert_eq!(there(&bench).2, 2, "not before their time");
    bench.pass(3601).await;
    sweep(&bench).await;
    assert_eq!(there(&bench), (data.clone(), 1, 1));
    bench.pass(48 * 3600).await;
    sweep(&bench).await;
    assert_eq!(there(&bench), (data, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn groups_of_others_that_are_empty_stay_without_anything_of_kilns() {
    for (bench, is_pinned) in [(untouched().await, false), (on_latest().await, true)] {
        expect(&bench.roll(V2).await, Verdict::Done);
        // As the refusals say.
        lead_elsewhere(&bench);
        for name in ["web-blue", "web-green"] {
            let none = json!({ "AutoScalingGroupName": name, "MinSize": 0, "DesiredCapacity": 0 });
            bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &none);
        }
        bench.pass(120).await;
        let shown = bench.last_look().await.to_string();
        let pinned = "it followed $Latest before";
        assert_eq!(shown.contains(pinned), is_pinned, "{shown}");
        let stays = "group web-blue stays: kiln did not make it";
        assert!(shown.contains(stays), "{shown}");
        let writes = bench.cloud.writes().len();
        let done = bench.destroy().await;
        assert_eq!(done.verdict, Verdict::Done, "{done:?}");
        assert_eq!(tagged(&bench), [""; 0]);
        let groups = bench.cloud.world().model.view_groups();
        assert_eq!(groups.len(), 2);
        for group in groups {
            assert_eq!((group.min, group.suspended.len()), (0, 0), "{}", group.name);
            assert!(group.max > 0, "{}", group.name);
        }
        let deleted = bench.cloud.writes().split_off(writes);
        let deleted = deleted.iter().filter(|call| call.starts_with("Delete"));
        let only_tags = |call: &&String| ["DeleteTags", "DeleteRule"].contains(&call.as_str());
        assert!(deleted.clone().all(|call| only_tags(&call)), "{deleted:?}");
    }
}
