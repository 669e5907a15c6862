use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join_all, ready};

use super::*;

type Sent = Arc<Mutex<Vec<Vec<String>>>>;

/// Things that exist are their own ids; each round is kept.
fn rounds(jitter: u64) -> (Arc<Rounds<String>>, Sent) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    let rounds = Rounds::new(
        "DescribeThings",
        Pacing::own(jitter),
        move |ids: Vec<String>| {
            kept.lock().unwrap().push(ids.clone());
            let known = ids.into_iter().filter(|id| id.starts_with("i-"));
            ready(Ok(known.map(|id| (id.clone(), id)).collect())).boxed()
        },
    );
    (rounds, sent)
}

#[tokio::test(start_paused = true)]
async fn who_asks_in_the_same_moment_asks_in_one_call() {
    let (rounds, sent) = rounds(0);
    let ids = ["i-1", "i-2", "nothing", "i-1"];
    let found = join_all(ids.iter().map(|id| rounds.look(id))).await;
    assert_eq!(found[0].as_ref().unwrap(), "i-1");
    assert_eq!(found[1].as_ref().unwrap(), "i-2");
    assert_eq!(found[2].as_ref().unwrap_err().kind, Kind::NotFound);
    assert_eq!(*sent.lock().unwrap(), [["i-1", "i-2", "nothing"]]);
}

#[tokio::test(start_paused = true)]
async fn one_alone_is_never_held_back() {
    let (rounds, _) = rounds(0);
    for pause in [1000, 1500, 2250, 5000, 5000] {
        let asked = Instant::now();
        rounds.look("i-1").await.unwrap();
        assert_eq!(asked.elapsed(), MOMENT);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Twenty that poll every 5 s for ten minutes, each begun at another time: within a few rounds they ask together.
#[tokio::test(start_paused = true)]
async fn many_with_one_rhythm_end_up_in_few_rounds() {
    let pause = Duration::from_secs(5);
    for jitter in [0, 7] {
        let (rounds, sent) = rounds(jitter);
        let slowest = AtomicUsize::new(0);
        let one = async |k: u64| {
            tokio::time::sleep(Duration::from_millis(k * 731 % 5000)).await;
            for _ in 0..120 {
                let asked = Instant::now();
                rounds.look(&format!("i-{k}")).await.unwrap();
                let took = usize::try_from(asked.elapsed().as_millis()).unwrap();
                slowest.fetch_max(took, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        };
        let began = Instant::now();
        join_all((0..20).map(one)).await;
        let calls = sent.lock().unwrap().len();
        // Twice as often as one alone, once all have a rhythm.
        let most = began.elapsed().as_millis() / (pause.as_millis() / 2) + 20;
        assert!(calls as u128 <= most, "{calls} calls for 20 × 120 looks");
        // A thing is seen within the pause and, among many, at most half of one more.
        let slowest = slowest.into_inner();
        assert!(slowest <= 3300, "held back for {slowest} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_round_is_sent_at_once_and_the_third_is_held_back() {
    let (rounds, _) = rounds(0);
    let mut took = Vec::new();
    for id in ["i-0", "i-1", "i-2"] {
        let asked = Instant::now();
        rounds.look(id).await.unwrap();
        took.push(asked.elapsed().as_millis());
    }
    assert!(took[0] < 5 && took[1] < 5, "{took:?}");
    assert!((390..=405).contains(&took[2]), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_takes_nobody_with_it() {
    let (rounds, sent) = rounds(0);
    rounds.look("i-0").await.unwrap();
    {
        let opened = rounds.look("i-1");
        let joined = rounds.look("i-2");
        tokio::pin!(joined);
        tokio::select! {
            biased;
            _ = tokio::time::timeout(Duration::from_millis(1), opened) => {}
            _ = &mut joined => panic!("it waits for the round"),
        }
        assert_eq!(joined.await.unwrap(), "i-2");
    }
    assert_eq!(*sent.lock().unwrap(), [vec!["i-0"], vec!["i-1", "i-2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_round_fails_for_all_who_asked() {
    let rounds: Arc<Rounds<String>> = Rounds::new("DescribeThings", Pacing::own(0), |_| {
        let error = Error {
            kind: Kind::Throttled,
            ..Error::blocked("DescribeThings", "too many")
        };
        ready(Err(error)).boxed()
    });
    for answer in join_all([rounds.look("i-1"), rounds.look("i-2")]).await {
        assert!(answer.unwrap_err().is_passing());
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_a_filter_takes_are_asked_for_in_several_calls() {
    let (rounds, sent) = rounds(0);
    let ids: Vec<_> = (0..450).map(|k| format!("i-{k}")).collect();
    join_all(ids.iter().map(|id| rounds.look(id))).await;
    let sizes: Vec<_> = sent.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [200, 200, 50]);
}
