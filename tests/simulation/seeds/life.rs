//! What becomes of one service: rolls and rollbacks, killed and gone on with, until the storm is over and one last roll must
//! go through and leave nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use kiln::roll::{Ended, RolledBack, Verdict};
use kiln::run::Clock as _;
use localcloud::model::{Service as Api, Tree};
use localcloud::physics::{Behaviour, Service as Answers};

use super::around::Going;
use super::drawn::{Around, Drawn, Mode, Strategy};
use super::end::why;
use super::front::Front;
use super::ground;
use super::outside::Event;
use super::tested::Proof;
use super::weather::{Climate, Kill, Seen, Tally, Weather};
use crate::simulation::mishap::Mishap;
use crate::simulation::roll::{Bench, Counts, V1, V2, V3, Watchman, call, left_over, quick};

/// Activities of Auto Scaling that the trace of a finding ends with.
const ACTIVITIES: usize = 8;

/// What one seed showed.
pub struct Told {
    pub seed: u64,
    /// Which invariant was broken, and how.
    pub found: Option<String>,
    pub trace: Vec<String>,
    pub tally: Tally,
    pub calls: u64,
    pub counts: Counts,
}

pub struct Life {
    pub bench: Bench,
    pub watchman: Watchman,
    rng: Rng,
    seen: Arc<Mutex<Seen>>,
    pub going: Going,
    /// The image whose machines die by themselves.
    pub mortal: Option<&'static str>,
    /// What the latest roll leaves was looked at, and nothing was done behind it.
    pub looked_at: bool,
}

/// Lives the life that a seed says, with a defect if `plant` has one.
pub async fn live(seed: u64, plant: &dyn Fn(&Bench)) -> Told {
    let mut rng = Rng::with_seed(seed);
    let drawn = Drawn::draw(seed, &mut rng);
    let bench = ground::open(&drawn).await;
    bench.cloud.slow(Duration::from_millis(drawn.latency));
    bench.cloud.remember();
    let watchman = bench.watched();
    bench.one_writer(&watchman);
    match drawn.strategy {
        // A tenth, where the service file says nothing.
        Strategy::Rolling => watchman.in_place(drawn.machines / 10),
        Strategy::ReplaceRoot => watchman.in_place(1),
        _ => watchman.beside(),
    }
    if drawn.strategy == Strategy::Rolling && drawn.pool.is_some() {
        watchman.pooled();
    }
    plant(&bench);
    let log = Arc::new(Mutex::new(Seen::default()));
    log.lock().unwrap().trace.push(drawn.to_string());
    let mut life = Life {
        going: Going::of(&drawn, &bench),
        bench,
        watchman,
        rng,
        seen: Arc::clone(&log),
        mortal: None,
        looked_at: false,
    };
    life.count_world(&drawn);
    life.spoil();
    let acts = life.rng.u32(1..4);
    let mut found = None;
    for _ in 0..acts {
        found = life.act().await.err();
        if found.is_some() {
            break;
        }
    }
    if found.is_none() {
        found = life.end(seed).await.err();
    }
    if found.is_some() {
        life.tell_activities();
    }
    life.say(format!(
        "serving {:?}, groups {:?}",
        life.bench.serving(),
        life.bench.groups()
    ));
    let counts = life.watchman.counts();
    drop(life);
    let log = std::mem::take(&mut *log.lock().unwrap());
    Told {
        seed,
        found,
        trace: log.trace,
        tally: log.tally,
        calls: log.calls,
        counts,
    }
}

impl Life {
    /// What only some worlds have.
    fn count_world(&self, drawn: &Drawn) {
        match drawn.around {
            Around::Nothing => {}
            Around::MadeAgain => self.count("seeds with a tool that makes groups again"),
            Around::Tracked => self.count("seeds with target tracking"),
            Around::Alarmed => self.count("seeds with an alarm"),
        }
        match drawn.mode {
            Mode::New => {}
            Mode::Pair => self.count("seeds with a pair"),
        }
        if drawn.mixed.is_some() {
            self.count("seeds with a mixed group");
        }
        if drawn.pool.is_some() {
            self.count("seeds with a warm pool");
        }
        if drawn.strategy == Strategy::ReplaceRoot {
            self.count("seeds with a machine that stays");
        }
        if drawn.proof != Proof::Usual {
            self.count("seeds with a test listener");
        }
        match drawn.front {
            Front::Requests => {}
            Front::TwoListeners => self.count("seeds with two listeners"),
            Front::Connections => self.count("seeds with a network load balancer"),
            Front::Records => self.count("seeds with records"),
        }
    }

    /// Does something while all else goes on.
    pub async fn amid<T>(&self, act: impl Future<Output = T>) -> T {
        let told = |what, text| {
            self.count(what);
            self.say(format!("{what}: {text}"));
        };
        let on = async {
            self.going.on(&self.bench, &self.watchman, told).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            done = act => done,
            never = on => never,
        }
    }

    pub fn say(&self, text: impl Into<String>) {
        let at = self.bench.cloud.now().strftime("%H:%M:%S");
        let text = text.into();
        self.seen.lock().unwrap().trace.push(format!("{at} {text}"));
    }

    pub fn count(&self, what: &'static str) {
        *self.seen.lock().unwrap().tally.entry(what).or_default() += 1;
    }

    /// What Auto Scaling says that it did of late, which a finding may come from.
    fn tell_activities(&self) {
        let now = self.bench.cloud.now();
        let none = serde_json::json!({});
        let told = call(
            &mut self.bench.cloud.world(),
            now,
            Api::AutoScaling,
            "DescribeScalingActivities",
            &none,
        );
        let Some(Tree::List(told)) = told.get("Activities") else {
            return;
        };
        for activity in told.iter().take(ACTIVITIES).rev() {
            let [when, what, why] = ["StartTime", "Description", "Cause"]
                .map(|field| activity.get(field).and_then(Tree::text));
            self.say(format!(
                "activity of {}: {}: {}",
                when.unwrap_or_default(),
                what.unwrap_or_default(),
                why.unwrap_or_default()
            ));
        }
    }

    /// Some images are no good.
    fn spoil(&mut self) {
        let service = match self.rng.u32(0..8) {
            0 => Answers::WrongStatus(500),
            1 => Answers::Absent,
            2 => {
                let life = self.rng.i64(20..200);
                self.mortal = Some(V2);
                Answers::DiesAfter(jiff::SignedDuration::from_secs(life))
            }
            _ => return,
        };
        let broken = Behaviour { service, ..quick() };
        self.bench.cloud.world().physics.set_behaviour(V2, broken);
        self.watchman.spoilt(V2, self.mortal == Some(V2));
        self.count("bad image");
        self.say(format!("{V2} is no good: {service:?}"));
    }

    async fn act(&mut self) -> Result<(), String> {
        self.looked_at = false;
        let pause = self.going.pause();
        if pause > 0 {
            self.say(format!("{pause} s pass"));
            self.bench.pass(pause).await;
        }
        let kill = self.rng.u32(0..3) == 0;
        match self.rng.u32(0..10) {
            0 => {
                let seconds = self.rng.u64(10..5000);
                self.say(format!("{seconds} s pass"));
                self.amid(self.bench.pass(seconds)).await;
            }
            1..3 => self.rollback(kill).await?,
            _ => {
                let image = [V1, V2, V2, V3][self.rng.usize(0..4)];
                self.roll(image, kill).await?;
            }
        }
        if self.rng.u32(0..6) == 0 {
            self.say("the journals are lost");
            self.count("journals lost");
            self.bench.journals.lose();
        }
        self.finding()
    }

    pub fn finding(&self) -> Result<(), String> {
        self.watchman.finding().map_or(Ok(()), Err)
    }

    /// Draws what goes wrong for the next process.
    fn storm(&mut self, kill: bool) {
        let process = self.bench.next_process();
        let kill = kill.then(|| Kill {
            process,
            at: self.rng.usize(1..160),
            mishap: [Mishap::KilledBefore, Mishap::KilledAfter][self.rng.usize(0..2)],
        });
        let climate = Climate::draw(&mut self.rng);
        let rng = self.rng.fork();
        let mut weather = Weather::new(rng, climate, kill, Arc::clone(&self.seen));
        self.bench.cloud.ordain(move |call| weather.fate(call));
    }

    async fn roll(&mut self, image: &str, kill: bool) -> Result<(), String> {
        self.going.begin();
        self.watchman.forward(&self.bench.cloud.world().model);
        self.storm(kill);
        self.say(format!("roll {image}"));
        let before = self.bench.serving();
        let machine = self.machine();
        let stop = (self.rng.u32(0..8) == 0).then(|| self.rng.u64(0..150));
        let others = self.rng.u32(0..2) * self.rng.u32(0..4);
        let mut rng = self.rng.fork();
        let roll = async {
            tokio::select! {
                biased;
                () = self.bench.cloud.killed() => None,
                ended = self.bench.roll(image) => Some(ended),
            }
        };
        let meanwhile = async {
            self.meanwhile(others, stop, &mut rng).await;
            std::future::pending().await
        };
        let both = async {
            tokio::select! {
                ended = roll => ended,
                never = meanwhile => never,
            }
        };
        let ended = Box::pin(self.amid(both)).await;
        self.bench.cloud.calm();
        self.bench.stop_again();
        let Some(ended) = ended else {
            self.count("kills");
            self.say("killed");
            return self.finding();
        };
        self.say(format!("{:?}{}", ended.verdict, why(&ended)));
        self.finding()?;
        self.ended(&ended)?;
        self.looked_at = is_over(&ended);
        if ended.verdict == Verdict::Done {
            let now = self.bench.cloud.now();
            self.watchman.done(&self.bench.cloud.world().model, now);
            self.finding()?;
            self.serves(image, &before)?;
            self.stayed(machine.as_ref())?;
        }
        Ok(())
    }

    /// Whether somebody else may have changed what serves.
    pub fn trouble(&self) -> bool {
        self.has_seen(Event::Weights.name())
    }

    pub fn has_seen(&self, what: &str) -> bool {
        self.seen.lock().unwrap().tally.contains_key(what)
    }

    /// I5: what a run says is done, failed or stopped has left nothing.
    pub fn ended(&self, ended: &Ended) -> Result<(), String> {
        if !is_over(ended) {
            return Ok(());
        }
        let mut left = left_over(&self.bench.cloud.world().model, &self.bench.store.due());
        left.retain(|text| !self.going.explains(text));
        let mut text = (!left.is_empty()).then(|| format!("{:?} left {left:?}", ended.verdict));
        if !matches!(ended.verdict, Verdict::Done | Verdict::NothingToDo) {
            text = text.or(self.watchman.kept_back(&self.bench.cloud.world().model));
        }
        self.watchman.report(5, text);
        self.finding()
    }

    async fn rollback(&mut self, kill: bool) -> Result<(), String> {
        self.watchman.back();
        self.storm(kill);
        self.say("rollback");
        let back = async {
            tokio::select! {
                biased;
                () = self.bench.cloud.killed() => None,
                back = self.bench.rollback_leased(None) => back,
            }
        };
        let back: Option<RolledBack> = self.amid(back).await;
        self.bench.cloud.calm();
        if let Some(back) = back {
            self.say(format!("{:?}: {:?}", back.verdict, back.reasons));
        } else {
            self.count("kills");
            self.say("killed");
        }
        self.finding()
    }
}

/// Whether a run says that nothing is left to do; one that did not come to its plan has looked at nothing that a dead run left.
fn is_over(ended: &Ended) -> bool {
    let own = matches!(
        ended.verdict,
        Verdict::Done
            | Verdict::NothingToDo
            | Verdict::Failed
            | Verdict::Rejected
            | Verdict::Stopped
    );
    own && ended.left.is_empty() && ended.decision.is_some()
}
