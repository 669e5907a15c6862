//! An alarm that the service's rolls go by, which turns red now and then, whosever doing that is.

use std::cell::{Cell, RefCell};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use localcloud::physics::World;
use serde_json::json;

use super::drawn::Drawn;
use crate::simulation::roll::{ALARM, Bench, call};

/// Tells what is drawn here apart from all else that a seed draws.
const OWN: u64 = 0x5eed_f5f6;

/// Makes the alarm, which is OK.
pub fn put(world: &mut World) {
    let given = json!({
        "AlarmName": ALARM, "Namespace": "web", "MetricName": "errors", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
    });
    let now = world.now();
    call(world, now, Api::CloudWatch, "PutMetricAlarm", &given);
    set(world, now, "OK");
}

fn set(world: &mut World, now: Timestamp, state: &str) {
    let given = json!({ "AlarmName": ALARM, "StateValue": state, "StateReason": "as drawn" });
    call(world, now, Api::CloudWatch, "SetAlarmState", &given);
}

/// Who turns it red and back.
pub struct Pager {
    rng: RefCell<Rng>,
    red: Cell<bool>,
    next: Cell<Timestamp>,
    /// How often it still turns red.
    left: Cell<u32>,
}

impl Pager {
    pub fn new(drawn: &Drawn, bench: &Bench) -> Self {
        let mut rng = Rng::with_seed(drawn.seed ^ OWN);
        Self {
            red: Cell::new(false),
            left: Cell::new(rng.u32(1..4)),
            next: Cell::new(bench.cloud.now() + until_red(&mut rng)),
            rng: RefCell::new(rng),
        }
    }

    /// Turns it when its time has come. Says to what.
    pub async fn turn(&self, bench: &Bench) -> &'static str {
        if self.left.get() == 0 && !self.red.get() {
            std::future::pending::<()>().await;
        }
        let now = bench.cloud.now();
        let wait = self.next.get().duration_since(now);
        tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
        let now = bench.cloud.now();
        let red = !self.red.get();
        let rng = &mut *self.rng.borrow_mut();
        let (state, gap) = if red {
            self.left.set(self.left.get() - 1);
            ("ALARM", SignedDuration::from_secs(rng.i64(10..300)))
        } else {
            ("OK", until_red(rng))
        };
        self.red.set(red);
        self.next.set(now + gap);
        set(&mut bench.cloud.world(), now, state);
        state
    }

    /// It is OK from now on.
    pub fn calm(&self, bench: &Bench) {
        self.red.set(false);
        self.left.set(0);
        set(&mut bench.cloud.world(), bench.cloud.now(), "OK");
    }
}

fn until_red(rng: &mut Rng) -> SignedDuration {
    SignedDuration::from_secs(rng.i64(20..400))
}
