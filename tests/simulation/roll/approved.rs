//! Plans that somebody approves: carried out as they were shown, or refused with all that has moved.

use kiln::roll::{Approval, Decision, Ended, Request, Verdict, roll};
use kiln::run::{Clock as _, Silent};
use localcloud::model::Service as Api;
use serde_json::json;

use super::plain::three;
use super::{Bench, V1, V2, V3, expect};

/// The plan of a roll of `image`, saved and read again.
async fn approval(bench: &Bench, image: &str) -> Approval {
    let ended = bench.plan(image).await;
    let Some(Decision::Roll(plan)) = &ended.decision else {
        panic!("{ended:?}");
    };
    let saved = Approval::of(
        plan,
        &bench.service,
        bench.cloud.now(),
        (plan.to_string(), "salt".to_owned()),
    );
    let text = serde_json::to_string(&saved).unwrap();
    for part in ["user_data", "checks", "hooks"] {
        assert!(!text.contains(&format!("\"{part}")), "{text}");
    }
    Approval::read(&text).unwrap()
}

async fn carry_out(bench: &Bench, image: &str, approved: &Approval) -> Ended {
    let run = bench.next_run();
    let journal = bench.journals.begin(run);
    let request = Request {
        approved: Some(approved),
        ..bench.request(image, run)
    };
    Box::pin(roll(
        &request,
        &bench.tools(&bench.client, &bench.probe(), &journal, &Silent),
    ))
    .await
}

fn said(ended: &Ended) -> Vec<String> {
    let texts = ended.refused.iter();
    texts
        .map(|refusal| refusal.finding.message.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_carried_out_also_after_the_group_has_scaled() {
    let bench = Bench::new().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let approved = approval(&bench, V2).await;
    let larger = json!({ "AutoScalingGroupName": "web-v001", "DesiredCapacity": 5 });
    bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &larger);
    bench.pass(120).await;
    expect(&carry_out(&bench, V2, &approved).await, Verdict::Done);
    assert_eq!(bench.serving().into_keys().collect::<Vec<_>>(), [V2]);
    // It has been carried out: there is nothing to object to, and nothing to do.
    expect(
        &carry_out(&bench, V2, &approved).await,
        Verdict::NothingToDo,
    );
}

#[tokio::test(start_paused = true)]
async fn all_that_has_moved_is_named_and_nothing_is_touched() {
    let bench = Bench::new().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let approved = approval(&bench, V2).await;
    let wider = json!({ "AutoScalingGroupName": "web-v001", "MaxSize": 9 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &wider);
    let before = bench.cloud.writes().len();
    let ended = carry_out(&bench, V3, &approved).await;
    expect(&ended, Verdict::Refused);
    let said = said(&ended);
    for moved in [
        format!("image was {V2} and is {V3}"),
        "next.size.max was 6 and is 9".to_owned(),
        "previous.size.max was 6 and is 9".to_owned(),
    ] {
        assert!(said.contains(&moved), "{moved}: {said:?}");
    }
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(bench.cloud.writes().len(), before);
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn another_service_file_or_a_roll_that_died_voids_it() {
    let bench = Bench::new().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let approved = approval(&bench, V2).await;
    let mut other = bench.fork().await;
    other.service.keep.previous = std::time::Duration::from_secs(7);
    let ended = carry_out(&other, V2, &approved).await;
    expect(&ended, Verdict::Refused);
    assert!(said(&ended)[0].contains("service file"), "{ended:?}");
    let dead = bench.fork().await;
    tokio::select! {
        biased;
        () = tokio::time::sleep(std::time::Duration::from_mins(1)) => {}
        ended = dead.roll(V2) => panic!("{ended:?}"),
    }
    let ended = carry_out(&dead, V3, &approved).await;
    expect(&ended, Verdict::Refused);
    assert!(said(&ended)[0].contains("died"), "{ended:?}");
}
