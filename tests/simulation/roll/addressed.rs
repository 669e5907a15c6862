//! Where the state of a service is, as its target groups say.

use std::cell::RefCell;

use kiln::roll::{Verdict, state_of, status};
use kiln::run::{Clock as _, Event, Events};

use super::plain::{nothing_left, three};
use super::trouble::{about, killed, points};
use super::{Bench, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

#[derive(Default)]
pub struct Warnings(RefCell<Vec<String>>);

impl Warnings {
    pub fn said(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

impl Events for Warnings {
    fn emit(&self, event: Event) {
        if let Event::Warning { text } = event {
            self.0.borrow_mut().push(text);
        }
    }
}

fn at(bench: &Bench, place: Option<&str>) {
    *bench.outside.bucket.borrow_mut() = place.map(str::to_owned);
}

async fn told(bench: &Bench) -> Option<String> {
    state_of(&bench.client, "web").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_roll_writes_down_where_its_state_is_and_names_another_place() {
    let bench = Bench::new().await;
    at(&bench, Some("s3://acme/prod"));
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(told(&bench).await.as_deref(), Some("s3://acme/prod"));
    let stand = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert!(
        stand.to_string().contains("state     s3://acme/prod\n"),
        "{stand}"
    );
    let before = bench.cloud.writes().len();
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    assert_eq!(bench.cloud.writes().len(), before);
    let warnings = Warnings::default();
    at(&bench, Some("s3://acme/other"));
    expect(&bench.roll_with(V1, &warnings).await, Verdict::NothingToDo);
    assert_eq!(told(&bench).await.as_deref(), Some("s3://acme/other"));
    let said = warnings.said().join("; ");
    assert!(
        said.contains("was at s3://acme/prod") && said.contains("at s3://acme/other"),
        "{said}"
    );
    at(&bench, None);
    let warnings = Warnings::default();
    expect(&bench.roll_with(V2, &warnings).await, Verdict::Done);
    assert_eq!(told(&bench).await, None);
    assert!(warnings.said()[0].contains("a folder of this host"));
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "moved");
}

/// No load balancer leads to it, so that its groups say so.
#[tokio::test(start_paused = true)]
async fn groups_say_where_the_state_is_where_there_is_no_load_balancer() {
    let bench = Bench::alone(r#"{ "type": "replace" }"#).await;
    at(&bench, Some("s3://acme/prod"));
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(told(&bench).await.as_deref(), Some("s3://acme/prod"));
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(told(&bench).await.as_deref(), Some("s3://acme/prod"));
    let stand = status(&bench.client, "web", bench.cloud.now()).await;
    assert_eq!(stand.unwrap().state.as_deref(), Some("s3://acme/prod"));
    let warnings = Warnings::default();
    at(&bench, Some("s3://acme/other"));
    expect(&bench.roll_with(V2, &warnings).await, Verdict::NothingToDo);
    assert_eq!(told(&bench).await.as_deref(), Some("s3://acme/other"));
    assert!(warnings.said()[0].contains("was at s3://acme/prod"));
    at(&bench, None);
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(told(&bench).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_plan_writes_nothing_down_and_what_cannot_be_written_stops_no_roll() {
    let bench = Bench::new().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    at(&bench, Some("s3://acme/prod"));
    let before = bench.cloud.writes().len();
    expect(&bench.plan(V2).await, Verdict::Done);
    assert_eq!(bench.cloud.writes().len(), before);
    bench.cloud.deny("AddTags");
    let warnings = Warnings::default();
    expect(&bench.roll_with(V1, &warnings).await, Verdict::NothingToDo);
    assert!(warnings.said()[0].contains("cannot be written down"));
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_leaves_the_next_run_to_write_it_down() {
    let base = Bench::new().await;
    expect(&base.roll(V1).await, Verdict::Done);
    at(&base, Some("s3://acme/prod"));
    for kill in points(&base).await.into_iter().step_by(6) {
        let bench = killed(&base, kill, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, kill, Mishap::KilledAfter);
        expect(&bench.roll(V3).await, Verdict::Done);
        assert_eq!(
            told(&bench).await.as_deref(),
            Some("s3://acme/prod"),
            "{about}"
        );
        nothing_left(&bench, &about);
    }
}
