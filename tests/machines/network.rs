//! A service behind a network load balancer, on real machines: new connections move with a roll, those that are open stay.

use serde_json::{Value, json};

use super::cloud::LocalCloud;
use super::service::{Web, said};
use super::traffic::{Traffic, version};

const NET: &str = "services/net-web.json";
const BALANCER: &str = "kiln-net";
const PORT: i32 = 80;
/// The test listener's.
const TEST: i32 = 8080;

/// Requests that one version alone must have answered.
const LOOKED_AT: u64 = 200;

#[tokio::test]
async fn new_connections_move_with_a_roll_and_back_and_none_fails() {
    let web = Web::new(LocalCloud::up("kilnnet", 234, 4998)).await;
    let address = web.network(BALANCER, "web-a", &[PORT, TEST]).await;
    let address: &'static str = address.leak();
    let url = format!("http://{address}/version");
    web.service(NET, shape);
    let first = web.bake_first("templates/web.json", "1.0.0");
    web.roll_of(NET, &first);
    assert_eq!(version(&url, address).await, "1.0.0");
    let second = web.bake_from("1.0.0", "templates/web.json", "2.0.0");
    let (kept, fresh) = (Traffic::start(&url, address), Traffic::anew(&url, address));
    assert_eq!(kept.next_versions(20), ["1.0.0".to_owned()].into());

    web.roll_of(NET, &second);
    assert_eq!(fresh.next_versions(LOOKED_AT), ["2.0.0".to_owned()].into());
    web.stands(&second, &first);
    let late = Traffic::start(&url, address);
    assert_eq!(late.next_versions(20), ["2.0.0".to_owned()].into());

    let back = web.cloud.run(&["rollback", "web"]);
    assert!(back.status.success(), "{}", said(&back));
    // It knows no address to look through: a load balancer follows its listener within seconds, and does not go back.
    fresh.meets("1.0.0");
    assert_eq!(fresh.next_versions(LOOKED_AT), ["1.0.0".to_owned()].into());
    let status = web.status();
    assert_eq!(status["live"]["image"], first, "{status:#}");
    assert_eq!(status["temporary"], json!([]), "{status:#}");
    for traffic in [kept, fresh, late] {
        let tally = traffic.stop();
        assert_eq!(tally.failures, [""; 0]);
        assert!(tally.answered > LOOKED_AT, "{} requests", tally.answered);
    }
}

/// By connections, and proven by the test listener.
fn shape(service: &mut Value) {
    service["variables"]["load_balancer"] = json!(BALANCER);
    let traffic = &mut service["traffic"];
    traffic["rules"] = json!([{ "port": PORT }]);
    traffic["probe"] = json!({ "port": TEST });
    traffic["target"]["protocol"] = json!("TCP");
    traffic["target"]["health_check"]["protocol"] = json!("HTTP");
    service["checks"]["before"][0]["times"] = json!(1);
    service["checks"]["after"] = json!([]);
}
