//! Where nothing answers: told within seconds at the first call, borne for a while in the middle of a run.

use std::time::Duration;

use kiln::cloud::{ImageQuery, Images};
use tokio::time::Instant;

use super::bench::account;
use super::cloud::{Cloud, Mishap};

#[tokio::test(start_paused = true)]
async fn nothing_that_answers_is_told_at_once_and_a_gap_later_is_borne() {
    let cloud = Cloud::new(account());
    let client = cloud.client().await;
    let look = async || client.find_images(&ImageQuery::own(Vec::new())).await;
    cloud.plan(1, Mishap::Down);
    let began = Instant::now();
    let error = look().await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    let said = error.to_string();
    let host = format!("https://ec2.{}.amazonaws.com", client.region());
    let wanted =
        format!("nothing answers at {host}: connection refused; see that region and endpoint");
    assert!(said.contains(&wanted), "{said}");
    assert!(error.is_passing(), "a call that was lost may have arrived");
    cloud.calm();
    look().await.unwrap();
    let before = cloud.calls().len();
    cloud.plan(before + 1, Mishap::Down);
    let began = Instant::now();
    let said = look().await.unwrap_err().to_string();
    assert!(
        began.elapsed() > Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(cloud.calls().len(), before + 10);
    assert!(said.contains(&host) && !said.contains("see that"), "{said}");
}
