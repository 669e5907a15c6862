//! Which image a service file says, by a filter or by a parameter, and which load balancer.

use kiln::roll::Verdict;
use localcloud::model::{Config, Service as Api};
use serde_json::json;

use super::plain::three;
use super::refused::refused_input;
use super::{BLUE_GREEN, Bench, CHOSEN, DEFAULT_RULE, V1, V2, V3, account, expect, world};
use crate::simulation::habit::Call;

/// A service whose file says of its image `image`.
async fn saying(image: &serde_json::Value, account: Config) -> Bench {
    let text = world::SERVICE
        .replace("RULE", DEFAULT_RULE)
        .replace("STRATEGY", BLUE_GREEN)
        .replace(&format!("{{ \"id\": \"{V1}\" }}"), &image.to_string());
    Bench::in_account(account, &text).await
}

#[tokio::test(start_paused = true)]
async fn a_filter_finds_the_newest_image_that_is_not_quarantined() {
    let broken = json!([{ "Key": "kiln:quarantine:web", "Value": "broken" }]);
    let tag = json!({ "ResourceId": [V3], "Tag": broken });
    let by_name = |name: &str| {
        let filters = json!({ "name": name });
        json!({ "filter": { "filters": filters, "owners": ["self"], "most_recent": true } })
    };
    let bench = saying(&by_name("web-*"), account()).await;
    bench.meanwhile(Api::Ec2, "CreateTags", &tag);
    expect(&bench.roll(CHOSEN).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    let bench = saying(&by_name("web-3"), account()).await;
    bench.meanwhile(Api::Ec2, "CreateTags", &tag);
    let ended = bench.roll(CHOSEN).await;
    expect(&ended, Verdict::Refused);
    let help = ended.refused[0].finding.help.clone();
    assert_eq!(help.as_deref(), Some("1 are quarantined for this service"));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_says_which_image() {
    let mut config = account();
    config
        .parameters
        .insert("/web/image".to_owned(), V2.to_owned());
    let bench = saying(&json!({ "ssm": "/web/image" }), config).await;
    expect(&bench.roll(CHOSEN).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_load_balancer_is_refused_at_its_name() {
    let bench = Bench::new().await;
    bench
        .cloud
        .accustom(Box::new(|call: Call<'_>| match call.action {
            "DescribeLoadBalancers" => {
                call.misread(|answer| answer.replace("<Type>application<", "<Type>gateway<"))
            }
            _ => call.go(),
        }));
    let help = refused_input(&bench, "roll::no_load_balancer").await;
    assert!(help.contains("a network load balancer"), "{help}");
}
