//! A launch template version that is gone, before a roll and in the middle of one.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::refused::refused;
use super::super::trouble::{about, killed, points};
use super::super::{BLUE_GREEN, Bench, V1, V2, V3};
use super::refused::helps;
use super::{group, made_by_others, stay};
use crate::simulation::cloud::Mishap;

/// Each has a template of its own, whose default version is another than the group's.
async fn by_number() -> Bench {
    let bench = made_by_others(BLUE_GREEN, V1, [("blue", "1"), ("green", "1")]).await;
    for name in ["blue", "green"] {
        let data = json!({ "ImageId": V1 });
        let given =
            json!({ "LaunchTemplateName": name, "SourceVersion": "1", "LaunchTemplateData": data });
        bench.meanwhile(Api::Ec2, "CreateLaunchTemplateVersion", &given);
        let given = json!({ "LaunchTemplateName": name, "SetDefaultVersion": "2" });
        bench.meanwhile(Api::Ec2, "ModifyLaunchTemplate", &given);
    }
    bench
}

fn delete_first(bench: &Bench, name: &str) {
    let given = json!({ "LaunchTemplateName": name, "LaunchTemplateVersion": ["1"] });
    bench.meanwhile(Api::Ec2, "DeleteLaunchTemplateVersions", &given);
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_version_is_gone_is_named_with_what_mends_it() {
    for (name, of) in [("web-blue", "blue"), ("web-green", "green")] {
        let bench = by_number().await;
        delete_first(&bench, of);
        let ended = refused(&bench, Verdict::Refused, &["roll::pair"]).await;
        let help = helps(&ended).remove(0);
        let mend = format!("--auto-scaling-group-name {name} --launch-template LaunchTemplateId=");
        assert!(help.contains(&mend), "{help}");
    }
}

/// What the dead run took cannot be given back any more. It is gone on with all the same, or taken back as far as that goes.
#[tokio::test(start_paused = true)]
async fn a_dead_roll_whose_taken_version_is_gone_is_gone_on_with_or_taken_back() {
    let base = by_number().await;
    let mut led = 0;
    for at in points(&base).await.into_iter().step_by(2) {
        for image in [V2, V3] {
            let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
            let about = format!("{image}, {}", about(&bench, at, Mishap::KilledAfter));
            if group(&bench, "web-green").template.unwrap().1 == "1" {
                continue;
            }
            led += 1;
            delete_first(&bench, "green");
            bench.pass(7).await;
            let again = bench.roll(image).await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}: {again:#?}");
            assert_eq!(bench.serving(), three(image), "{about}");
            stay(&bench, &about);
            if image == V2 {
                nothing_left(&bench, &about);
            }
        }
    }
    assert!(led > 10, "{led}");
}
