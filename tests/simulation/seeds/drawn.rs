//! The world that a seed draws: the service and its machines, before anything happens to it.

use fastrand::Rng;

use super::front::Front;
use super::ground::{BESIDE, BY_HAND};
use super::group::{Mixed, Pool};
use super::tested::Proof;
use crate::simulation::roll::{ALARM, BLUE_GREEN};

/// How the service is rolled. A new strategy is a line here.
const STRATEGIES: [Strategy; 2] = [Strategy::BlueGreen, Strategy::Canary];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    BlueGreen,
    Canary,
    /// Machines of the group are replaced.
    Rolling,
    /// Without a load balancer.
    Replace,
    /// Nor with one: a group of one machine, which gets another root.
    ReplaceRoot,
}

impl Strategy {
    /// Not from the row of the rest, which stays as it is: some seeds have one that moves no traffic instead.
    fn or_else(self, seed: u64) -> Self {
        match Rng::with_seed(seed ^ PLACED).u32(0..8) {
            0 => Self::Rolling,
            1 | 2 if Rng::with_seed(seed ^ ROOTED).u32(0..4) == 0 => Self::ReplaceRoot,
            1 | 2 => Self::Replace,
            _ => self,
        }
    }

    /// Whether a load balancer leads to its machines.
    pub fn is_led(self) -> bool {
        !matches!(self, Self::Replace | Self::ReplaceRoot)
    }
}

/// Tells the draw of policies apart from all others.
const STEPPED: u64 = 0x5eed_a1a2;
/// That of soaks before the swap.
const SOAKED: u64 = 0x5eed_c1c2;
/// That of what goes on around the service.
const AROUND: u64 = 0x5eed_d1d2;
/// That of two groups that exist for good.
const PAIRED: u64 = 0x5eed_a3a4;
/// That of machines that stay.
const ROOTED: u64 = 0x5eed_b7b8;
/// And that of strategies that move no traffic.
const PLACED: u64 = 0x5eed_b1b2;

/// How the service came to be what it is when the simulation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Somebody else made it; kiln has never touched it.
    Foreign { follows: &'static str },
    /// There is a load balancer and nothing else.
    Empty,
    /// kiln has rolled it once.
    Rolled,
    /// kiln has rolled it twice, and the previous group is kept.
    Kept,
}

/// What becomes of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each roll makes one.
    New,
    /// Others have made two, between which rolls alternate.
    Pair,
}

impl Mode {
    /// A quarter of what others have made is a pair, if traffic is moved for it.
    fn draw(seed: u64, strategy: Strategy, start: Start) -> Self {
        let moves = matches!(strategy, Strategy::BlueGreen | Strategy::Canary);
        let foreign = matches!(start, Start::Foreign { .. });
        if moves && foreign && Rng::with_seed(seed ^ PAIRED).u32(0..4) == 0 {
            Self::Pair
        } else {
            Self::New
        }
    }
}

/// What goes on around the service all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    Nothing,
    /// A tool makes groups again that kiln has deleted.
    MadeAgain,
    /// Load is measured, and sets off target tracking of the group that serves and of its copies.
    Tracked,
    /// An alarm that rolls go by turns red now and then.
    Alarmed,
}

impl Around {
    fn draw(seed: u64, strategy: Strategy, start: Start) -> Self {
        match Rng::with_seed(seed ^ AROUND).u32(0..8) {
            0 => Self::MadeAgain,
            1 if start != Start::Empty => Self::Tracked,
            2 if strategy.is_led() => Self::Alarmed,
            _ => Self::Nothing,
        }
    }
}

/// Everything about the world that does not change.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub seed: u64,
    pub machines: u32,
    pub zones: usize,
    pub min: u32,
    pub max: u32,
    /// Of the health check: seconds, good ones, bad ones.
    pub health: (u32, u32, u32),
    pub strategy: Strategy,
    pub front: Front,
    pub proof: Proof,
    /// Weight and hold in seconds.
    pub steps: Vec<(u32, u32)>,
    pub start: Start,
    pub mode: Mode,
    /// Of the group that others have made.
    pub mixed: Option<Mixed>,
    /// Of the groups that are there when the simulation begins.
    pub pool: Option<Pool>,
    pub keep_minutes: u32,
    pub soak: u32,
    /// Whether the next version must answer before it gets traffic.
    pub asked: bool,
    pub own_rule: bool,
    /// Milliseconds that a call takes.
    pub latency: u64,
    /// A schedule of the serving group that raises its capacity, so many seconds on.
    pub schedule: Option<u32>,
    /// Its group has step policies, which alarms set off that somebody made.
    pub stepped: bool,
    pub around: Around,
}

/// Mostly few machines, with a tail to 200: what a seed costs grows with them.
fn machines(rng: &mut Rng) -> u32 {
    match rng.u32(0..400) {
        0 => rng.u32(41..=200),
        1..=6 => rng.u32(13..=40),
        7..=60 => rng.u32(5..=12),
        _ => rng.u32(1..=4),
    }
}

impl Drawn {
    pub fn draw(seed: u64, rng: &mut Rng) -> Self {
        let machines = machines(rng);
        let strategy = STRATEGIES[rng.usize(0..STRATEGIES.len())].or_else(seed);
        let front = Front::draw(seed, strategy);
        let small = machines <= 4;
        let start = match rng.u32(0..10) {
            0 => Start::Empty,
            1 if small => Start::Kept,
            2..=4 if small => Start::Rolled,
            _ => Start::Foreign {
                follows: ["1", "$Latest", "$Default"][rng.usize(0..3)],
            },
        };
        let mixed = Mixed::draw(seed, start).filter(|_| strategy != Strategy::ReplaceRoot);
        let pool = Pool::draw(seed, strategy, start, mixed);
        let drawn = Self {
            seed,
            machines,
            zones: rng.usize(1..=4),
            min: rng.u32(0..=machines),
            max: machines + rng.u32(0..4),
            health: (5 + 5 * rng.u32(0..3), rng.u32(2..4), rng.u32(2..4)),
            strategy,
            front,
            proof: Proof::draw(seed, strategy, front),
            steps: steps(rng),
            start,
            mode: Mode::draw(seed, strategy, start),
            mixed,
            pool,
            keep_minutes: [10, 60][rng.usize(0..2)],
            soak: rng.u32(5..40),
            asked: rng.u32(0..4) > 0,
            own_rule: start == Start::Empty && rng.bool() && front == Front::Requests,
            latency: if rng.bool() { 0 } else { rng.u64(20..400) },
            schedule: (rng.u32(0..8) == 0).then(|| rng.u32(60..400)),
            // Not from the same row: what else a seed draws stays as it is.
            stepped: Rng::with_seed(seed ^ STEPPED).u32(0..4) == 0,
            around: Around::draw(seed, strategy, start),
        };
        match strategy {
            Strategy::ReplaceRoot => drawn.of_one(),
            _ => drawn,
        }
    }

    /// The same with one machine, which nothing makes two of.
    fn of_one(self) -> Self {
        let (machines, min, max) = (1, self.min.min(1), 1);
        Self {
            machines,
            min,
            max,
            ..self
        }
    }

    /// The service file, but for what the account calls its subnets and its security group.
    pub fn service(&self, subnets: &[String], group: &str) -> String {
        let traffic = if self.strategy.is_led() {
            self.front.traffic(self)
        } else {
            String::new()
        };
        format!(
            r#"{{
  "format": 1, "service": "web", "region": "eu-central-1", "image": {{ "id": "ami-0000000000000001" }},
  {groups}
  {traffic}"strategy": {strategy},
  "checks": {{
    "before": [ {before} ], "watch": [ {watch} ],
    "after": [ {{ "soak": "{soak}s" }} ] }},
  "rollback": {{ "keep": "{keep}m" }}
}}"#,
            groups = self.groups(subnets, group),
            strategy = self.strategy(),
            before = self.before(),
            watch = self.watch(),
            soak = self.soak,
            keep = self.keep_minutes,
        )
    }

    fn groups(&self, subnets: &[String], group: &str) -> String {
        if self.mode == Mode::Pair {
            return format!(
                r#""groups": {{ "mode": "pair", "names": ["{BY_HAND}", "{BESIDE}"] }},"#
            );
        }
        // A machine that stays cannot be given another.
        let data = match self.strategy {
            Strategy::ReplaceRoot => "",
            _ => r#", "user_data": { "raw": "version" }"#,
        };
        format!(
            r#""groups": {{ "mode": "new", "template": "web",
    "initial": {{ "min": {min}, "max": {max}, "desired": {machines}, "subnets": {subnets} }} }},
  "set": {{ "instance_type": "t3.small", "security_groups": ["{group}"], "health_check_grace_period": "90s"{data} }},"#,
            min = self.min,
            max = self.max,
            machines = self.machines,
            subnets = serde_json::to_string(subnets).unwrap(),
        )
    }

    /// Checks before the swap. Before it serves, a machine that is replaced in place answers nobody, and one without a load
    /// balancer never does.
    fn before(&self) -> String {
        if !self.moves() {
            return String::new();
        }
        let asked = self.asked.then(|| self.front.asks(self.proof).to_owned());
        // What serves grows in the middle of a roll that takes its time, and has grown for a while when it ends.
        let soak = self.schedule.map(|_| {
            let seconds = Rng::with_seed(self.seed ^ SOAKED).u32(60..240);
            format!(r#"{{ "soak": "{seconds}s" }}"#)
        });
        asked.into_iter().chain(soak).collect::<Vec<_>>().join(", ")
    }

    fn watch(&self) -> String {
        match self.around {
            Around::Alarmed => format!(r#"{{ "alarm": "{ALARM}" }}"#),
            _ => String::new(),
        }
    }

    /// Whether the strategy moves traffic.
    pub fn moves(&self) -> bool {
        matches!(self.strategy, Strategy::BlueGreen | Strategy::Canary)
    }

    fn strategy(&self) -> String {
        let by_records = self.front == Front::Records;
        match self.strategy {
            Strategy::BlueGreen if by_records => r#"{ "type": "dns" }"#.to_owned(),
            Strategy::BlueGreen => BLUE_GREEN.to_owned(),
            Strategy::Rolling => r#"{ "type": "rolling" }"#.to_owned(),
            Strategy::Replace => r#"{ "type": "replace" }"#.to_owned(),
            Strategy::ReplaceRoot => r#"{ "type": "replace_root" }"#.to_owned(),
            Strategy::Canary => {
                let kind = if by_records { "dns" } else { "canary" };
                let steps = self.steps.iter();
                let steps = steps.map(|(weight, hold)| {
                    format!(r#"{{ "weight": {weight}, "hold": "{hold}s" }}"#)
                });
                let steps: Vec<_> = steps.collect();
                format!(r#"{{ "type": "{kind}", "steps": [{}] }}"#, steps.join(", "))
            }
        }
    }
}

/// Weights that ascend to 100.
fn steps(rng: &mut Rng) -> Vec<(u32, u32)> {
    let mut weights: Vec<u32> = (0..rng.usize(1..4)).map(|_| rng.u32(1..100)).collect();
    weights.push(100);
    weights.sort_unstable();
    weights.dedup();
    let steps = weights.into_iter();
    steps.map(|weight| (weight, rng.u32(3..30))).collect()
}

impl std::fmt::Display for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            machines,
            zones,
            min,
            max,
            strategy,
            front,
            proof,
            start,
            stepped,
            around,
            mode,
            mixed,
            pool,
            ..
        } = self;
        let mode = match mode {
            Mode::New => "",
            Mode::Pair => ", a pair",
        };
        let policy = mixed.map_or_else(String::new, |mixed| format!(", {mixed}"));
        let pool = pool.map_or_else(String::new, |pool| format!(", {pool}"));
        let stepped = if *stepped { ", step policies" } else { "" };
        let around = match around {
            Around::Nothing => "",
            Around::MadeAgain => ", a tool that makes groups again",
            Around::Tracked => ", target tracking",
            Around::Alarmed => ", an alarm",
        };
        let front = match front {
            Front::Requests => "",
            Front::TwoListeners => " by two listeners",
            Front::Connections => " by connections",
            Front::Records => " by records",
        };
        let proof = match proof {
            Proof::Usual => "",
            Proof::Silent => ", a test listener that answers by itself",
            Proof::Leading => ", a test listener that leads",
        };
        write!(
            f,
            "{machines} machines ({min} to {max}) in {zones} zones, {strategy:?}{front}{proof}, {start:?}{mode}{policy}{pool}{stepped}{around}"
        )
    }
}
