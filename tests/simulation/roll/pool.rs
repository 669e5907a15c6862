//! A group with a warm pool: it goes over to the next group once that has passed its checks, the previous one keeps its own for
//! as long as it is kept, and a pool goes before its group does.

mod kept;
mod lacking;
mod seen;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::{Service as Api, Tree};
use serde_json::{Value, json};

use super::mixed::mix;
use super::plain::{nothing_left, rolled_once, three};
use super::refused::refused;
use super::rolling::rolling;
use super::trouble::{about, killed_at_each, killed_for_another};
use super::{Bench, OWN_RULE, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// Puts a pool of two stopped machines beside `web-v001`, which has three and may have six.
async fn pooled(bench: Bench) -> Bench {
    let pool =
        json!({ "AutoScalingGroupName": "web-v001", "MaxGroupPreparedCapacity": 5, "MinSize": 1 });
    bench.meanwhile(Api::AutoScaling, "PutWarmPool", &pool);
    bench.pass(120).await;
    assert_eq!(of(&bench, "web-v001"), (vec!["Warmed:Stopped"; 2], V1));
    bench
}

/// The states of a group's pool, and the image that its machines run.
fn of(bench: &Bench, group: &str) -> (Vec<&'static str>, &'static str) {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.iter().find(|one| one.name == group);
    let pool = found.map_or(&[][..], |one| &one.pool);
    let image = [V1, V2, V3].into_iter().find(|image| {
        let same = pool.iter().all(|member| member.image == *image);
        !pool.is_empty() && same
    });
    let states = pool.iter().map(|member| member.state);
    (states.collect(), image.unwrap_or("none"))
}

fn ids(bench: &Bench, group: &str) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.into_iter().find(|one| one.name == group);
    let pool = found.into_iter().flat_map(|one| one.pool);
    pool.map(|member| member.instance).collect()
}

fn settings(bench: &Bench, group: &str) -> Option<Tree> {
    let given = json!({ "AutoScalingGroupName": group });
    let shown = bench.meanwhile(Api::AutoScaling, "DescribeWarmPool", &given);
    shown.get("WarmPoolConfiguration").cloned()
}

/// How many machines were ever launched for the pool of a group.
fn launched(bench: &Bench, group: &str) -> usize {
    let given = json!({ "AutoScalingGroupName": group, "IncludeDeletedGroups": true });
    let shown = bench.meanwhile(Api::AutoScaling, "DescribeScalingActivities", &given);
    let Some(Tree::List(all)) = shown.get("Activities") else {
        return 0;
    };
    let into = all.iter().filter(|one| {
        let what = one.get("Description").and_then(Tree::text);
        what.is_some_and(|what| what.contains("into warm pool"))
    });
    into.count()
}

#[tokio::test(start_paused = true)]
async fn the_pool_goes_over_once_the_next_group_has_passed_and_the_previous_keeps_its_own() {
    let bench = pooled(rolled_once().await).await;
    let before = ids(&bench, "web-v001");
    let watchman = bench.watched();
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    let shown = plan.to_string();
    let line = "    warm pool, when its checks have passed: Stopped, 1 at the least, 5 with the group's own; 2 machines beside \
                those of web-v001's until that is retired";
    assert!(shown.contains(line), "{shown}");
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a pool");
    let calls = bench.cloud.calls();
    let last = |name: &str| calls.iter().rposition(|call| call == name).unwrap();
    assert!(last("ModifyListener") < last("PutWarmPool"), "{calls:?}");
    bench.pass(120).await;
    assert_eq!(bench.serving(), three(V2), "no machine of a pool serves");
    assert_eq!(settings(&bench, "web-v002"), settings(&bench, "web-v001"));
    assert_eq!(launched(&bench, "web-v002"), 2);
    assert_eq!(of(&bench, "web-v002"), (vec!["Warmed:Stopped"; 2], V2));
    nothing_left(&bench, "a pool");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(ids(&bench, "web-v001"), before, "it was never touched");
}

#[tokio::test(start_paused = true)]
async fn a_retired_group_goes_with_its_pool_which_grows_no_more() {
    let bench = pooled(rolled_once().await).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let in_the_way = bench.fork().await;
    bench.pass(3700).await;
    for (bench, image, verdict) in [
        (bench, V2, Verdict::NothingToDo),
        (in_the_way, V3, Verdict::Done),
    ] {
        let watchman = bench.watched();
        expect(&bench.roll(image).await, verdict);
        watchman.content("retiring");
        let groups = bench.cloud.world().model.view_groups();
        assert!(
            groups.iter().all(|one| one.name != "web-v001"),
            "{groups:?}"
        );
        assert_eq!(launched(&bench, "web-v001"), 2);
        nothing_left(&bench, "retired with its pool");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retirement_that_is_killed_or_may_delete_no_pool_is_gone_on_with() {
    let base = pooled(rolled_once().await).await;
    expect(&base.roll(V2).await, Verdict::Done);
    base.pass(3700).await;
    let calls = {
        let bench = base.fork().await;
        expect(&bench.roll(V2).await, Verdict::NothingToDo);
        bench.cloud.calls()
    };
    let writes = (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe"));
    let writes: Vec<_> = writes.collect();
    assert!(writes.len() > 3, "{calls:?}");
    for at in writes {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        assert!(bench.roll_killed(V2).await.is_none());
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched();
        bench.pass(7).await;
        expect(&bench.roll(V2).await, Verdict::NothingToDo);
        watchman.content(&about);
        let groups = bench.cloud.world().model.view_groups();
        assert_eq!(
            (groups.len(), launched(&bench, "web-v001")),
            (1, 2),
            "{about}"
        );
        nothing_left(&bench, &about);
    }
    base.cloud.deny("DeleteWarmPool");
    expect(&base.roll(V2).await, Verdict::CleanUpDue);
    let groups = base.cloud.world().model.view_groups();
    assert_eq!(
        (groups[0].desired, groups[0].pool.len()),
        (3, 2),
        "both stay"
    );
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_service_leaves_no_pool() {
    let bench = Bench::with(OWN_RULE).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let bench = pooled(bench).await;
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(bench.cloud.world().model.view_groups().len(), 0);
    assert_eq!(launched(&bench, "web-v001"), 2);
    nothing_left(&bench, "destroyed with its pool");
}

#[tokio::test(start_paused = true)]
async fn machines_of_a_pool_are_replaced_with_those_of_their_group() {
    let bench = pooled(rolling().await).await;
    let watchman = bench.watched();
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    let shown = plan.to_string();
    assert!(
        shown.contains("those of its warm pool are replaced too"),
        "{shown}"
    );
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a pool that is refreshed");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(of(&bench, "web-v001"), (vec!["Warmed:Stopped"; 2], V2));
    nothing_left(&bench, "a pool that is refreshed");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(of(&bench, "web-v001"), (vec!["Warmed:Stopped"; 2], V1));
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_pool_is_there_once() {
    let base = pooled(rolled_once().await).await;
    let is_whole = |bench: &Bench, about: &str| {
        let both = ["web-v001", "web-v002"].map(|group| settings(bench, group));
        assert_eq!(both[0], both[1], "{about}");
        assert!(both[0].is_some(), "{about}");
        assert_eq!(launched(bench, "web-v001"), 2, "{about}");
    };
    killed_at_each(&base, (Mishap::KilledAfter, 9), is_whole).await;
    killed_for_another(&base, 12, |_, _| ()).await;
}

/// Behind the call that puts the pool nothing is proven yet: whoever takes the roll back has the pool go first.
#[tokio::test(start_paused = true)]
async fn a_pool_of_a_roll_that_died_before_its_office_goes_before_its_group_is_emptied() {
    let base = pooled(rolled_once().await).await;
    let calls = {
        let bench = base.fork().await;
        expect(&bench.roll(V2).await, Verdict::Done);
        bench.cloud.calls()
    };
    let at = 1 + calls.iter().position(|call| call == "PutWarmPool").unwrap();
    let bench = base.fork().await;
    bench.cloud.plan(at, Mishap::KilledAfter);
    assert!(bench.roll_killed(V2).await.is_none());
    bench.cloud.calm();
    bench.pass(60).await;
    let watchman = bench.watched_back();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("a pool that is taken back");
    // Two for the dead roll's group, and two for the next one's, which is named alike.
    assert_eq!(launched(&bench, "web-v002"), 4, "it never grew");
    nothing_left(&bench, "a pool that is taken back");
}

fn untag(bench: &Bench) {
    let tag = json!({ "Tags": [{ "ResourceId": "web-v001", "ResourceType": "auto-scaling-group", "Key": "kiln:made-by" }] });
    bench.meanwhile(Api::AutoScaling, "DeleteTags", &tag);
}

async fn refused_for(bench: &Bench, why: &str) {
    let ended = refused(bench, Verdict::Failed, &["roll::warm_pool"]).await;
    let finding = &ended.refused[0].finding;
    assert!(finding.message.contains(why), "{}", finding.message);
    let help = finding.help.as_deref().unwrap_or_default();
    assert!(help.contains("aws autoscaling "), "{help}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_would_fill_itself_or_work_out_of_turn_is_refused() {
    let foreign = pooled(rolled_once().await).await;
    untag(&foreign);
    refused_for(&foreign, "kiln did not make the group").await;
    let bench = Bench::alone(r#"{ "type": "replace" }"#).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    refused_for(&pooled(bench).await, "whose turn it is").await;
    let bench = Bench::single(r#"{ "type": "replace_root" }"#).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let pool: Value = json!({ "AutoScalingGroupName": "web-v001", "MinSize": 1 });
    bench.meanwhile(Api::AutoScaling, "PutWarmPool", &pool);
    refused_for(&bench, "keep the root").await;
    // The local cloud has no such pool: it is read into what it says.
    let bench = pooled(rolled_once().await).await;
    bench.cloud.accustom(Box::new(|call| {
        if call.action != "DescribeAutoScalingGroups" {
            return call.go();
        }
        let policy =
            "<InstanceReusePolicy><ReuseOnScaleIn>true</ReuseOnScaleIn></InstanceReusePolicy>";
        call.misread(move |answer| {
            let open = "<WarmPoolConfiguration>";
            answer.replace(open, &format!("{open}{policy}"))
        })
    }));
    refused_for(&bench, "takes machines back").await;
}

/// A policy or a version that others have written since the pool was made.
#[tokio::test(start_paused = true)]
async fn a_pool_of_what_is_to_be_spot_is_refused() {
    let base = pooled(rolled_once().await).await;
    let bench = base.fork().await;
    refused_for(&mix(bench, "1"), "its mixed instances policy asks for spot").await;
    let (template, _) = base.cloud.world().model.view_groups()[0]
        .template
        .clone()
        .unwrap();
    let spot = json!({ "LaunchTemplateId": template, "SourceVersion": "1",
        "LaunchTemplateData": { "InstanceMarketOptions": { "MarketType": "spot" } } });
    base.meanwhile(Api::Ec2, "CreateLaunchTemplateVersion", &spot);
    let follows = json!({ "AutoScalingGroupName": "web-v001",
        "LaunchTemplate": { "LaunchTemplateId": template, "Version": "2" } });
    base.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &follows);
    let why = "version 2 of its launch template asks for spot";
    refused_for(&base, why).await;
}

#[tokio::test(start_paused = true)]
async fn status_shows_the_pools_of_both_groups() {
    let bench = pooled(rolled_once().await).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(120).await;
    let given =
        json!({ "AutoScalingGroupName": "web-v001", "MinSize": 0, "MaxGroupPreparedCapacity": 4 });
    bench.meanwhile(Api::AutoScaling, "PutWarmPool", &given);
    bench.pass(120).await;
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let text = shown.to_string();
    for line in [
        "\n            warm pool: 2 machines (Stopped, 1 at the least, 5 with the group's own)\n",
        "\n            warm pool: 1 machine (Stopped, 0 at the least, 4 with the group's own)\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let pool = |machines: u32, prepared: u32, min: u32| json!({ "machines": machines, "prepared": prepared, "min": min, "state": "Stopped", "leaving": false });
    let shown = serde_json::to_value(&shown).unwrap();
    assert_eq!(shown["live"]["warm_pool"], pool(2, 5, 1));
    assert_eq!(shown["previous"]["warm_pool"], pool(1, 4, 0));
}
