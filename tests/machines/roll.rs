//! Rolls of a service on real machines, under requests that never stop: killed around the swap, of an image that is
//! broken, and taken back.

use kiln::cloud::{ImageId, ImageQuery, Images as _};

use super::cloud::{LocalCloud, kill};
use super::service::{HOST, ROLL, Web, said};
use super::traffic::Traffic;

#[tokio::test]
async fn rolls_are_whole_whatever_happens_to_them() {
    let web = Web::new(LocalCloud::up("kilnroll", 220, 4983)).await;
    let first = web.bake_first("templates/web.json", "1.0.0");
    web.roll(&[]);
    let traffic = Traffic::start(&web.url, HOST);
    web.assert_whole(&first, "1.0.0").await;
    let second = web.bake_from("1.0.0", "templates/web.json", "2.0.0");
    let broken = web.bake_from("1.0.0", "templates/broken.json", "3.0.0");
    traffic.assert_whole();

    a_broken_image_never_serves(&web, &broken).await;
    web.assert_whole(&first, "1.0.0").await;
    assert_eq!(traffic.versions(), ["1.0.0".to_owned()].into());

    killed_before_the_swap(&web).await;
    web.assert_whole(&second, "2.0.0").await;
    traffic.assert_whole();

    killed_after_the_swap(&web, &first).await;
    web.assert_whole(&first, "1.0.0").await;
    traffic.assert_whole();

    taken_back(&web, &traffic, &second);
    let tally = traffic.stop();
    assert_eq!(tally.failures, [""; 0]);
    assert!(tally.answered > 5000, "{} requests", tally.answered);
}

/// The newest image of the family is the broken one. What it leaves is checked by the caller.
async fn a_broken_image_never_serves(web: &Web, broken: &str) {
    let rolled = web.cloud.run(&ROLL);
    let log = said(&rolled);
    assert_eq!(rolled.status.code(), Some(5), "{log}");
    assert!(log.contains("Target."), "no reason of the target: {log}");
    let console = "web: cannot read /etc/web/secret.key";
    assert!(log.contains(console), "no end of the console: {log}");
    let aws = web.cloud.aws().await;
    let query = ImageQuery::id(&ImageId::new(broken));
    let image = aws.find_images(&query).await.unwrap().remove(0);
    assert!(image.tags.contains_key("kiln:quarantine:web"), "{image:?}");
}

/// The family's newest image is quarantined by now, so that it rolls the one before.
async fn killed_before_the_swap(web: &Web) {
    kill(
        web.cloud
            .until(&ROLL, "keep the previous group whole: done"),
    );
    assert_eq!(web.version().await, "1.0.0");
    web.roll(&[]);
}

async fn killed_after_the_swap(web: &Web, first: &str) {
    let back_to = ["--image", first];
    let roll = [&ROLL[..], &back_to].concat();
    kill(web.cloud.until(&roll, "swap: done"));
    assert_eq!(web.version().await, "1.0.0");
    web.roll(&back_to);
}

/// From an empty folder, with region, endpoint and keys only.
fn taken_back(web: &Web, traffic: &Traffic, second: &str) {
    let empty = tempfile::tempdir().unwrap();
    let mut rollback = web.cloud.kiln(&["rollback", "web"]);
    let rollback = rollback.current_dir(&empty).output().unwrap();
    assert!(rollback.status.success(), "{}", said(&rollback));
    // It knows no address to look through: a load balancer follows its listener within seconds, and does not go back.
    traffic.meets("2.0.0");
    assert_eq!(traffic.next_versions(200), ["2.0.0".to_owned()].into());
    let status = web.cloud.run(&["status", "web"]);
    let status = String::from_utf8(status.stdout).unwrap();
    let live = status.lines().find(|line| line.contains("live"));
    assert!(live.is_some_and(|line| line.contains(second)), "{status}");
}
