//! Which seeds draw a world that a deliberate defect can show in.

use fastrand::Rng;

use super::drawn::{Around, Drawn, Start, Strategy};

fn drawn(seed: u64) -> Drawn {
    Drawn::draw(seed, &mut Rng::with_seed(seed))
}

/// Whether what serves grows by itself while traffic is moved from it.
pub fn grows(seed: u64) -> bool {
    let drawn = drawn(seed);
    drawn.moves() && drawn.schedule.is_some() && drawn.start != Start::Empty
}

/// Whether rolls go by an alarm.
pub fn is_alarmed(seed: u64) -> bool {
    drawn(seed).around == Around::Alarmed
}

/// Whether its one machine stays.
pub fn stays(seed: u64) -> bool {
    let drawn = drawn(seed);
    drawn.strategy == Strategy::ReplaceRoot && drawn.start != Start::Empty
}
