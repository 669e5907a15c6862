//! Ids, secrets and draws, all from the model's seed.

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Two streams of the same seed: what a run makes does not depend on how often it looks.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    things: ChaCha12Rng,
    requests: ChaCha12Rng,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        let things = ChaCha12Rng::seed_from_u64(seed);
        let mut requests = things.clone();
        requests.set_stream(1);
        Self { things, requests }
    }

    /// `prefix-0` and sixteen hex digits, the shape of EC2's long ids.
    pub(super) fn resource(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.things.next_u64())
    }

    /// Sixteen hex digits, as `ELBv2` puts into its ARNs.
    pub(super) fn short(&mut self) -> String {
        format!("{:016x}", self.things.next_u64())
    }

    /// A UUID for something that the account keeps.
    pub(super) fn uuid(&mut self) -> String {
        uuid(&mut self.things)
    }

    /// A UUID for one answer.
    pub(super) fn request(&mut self) -> String {
        uuid(&mut self.requests)
    }

    /// A number from 0 up to, not including, `limit`; 0 when there is nothing to choose from.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        if limit < 2 {
            0
        } else {
            self.things.next_u32() % limit
        }
    }

    /// The stream for keys.
    pub(super) fn rng(&mut self) -> &mut ChaCha12Rng {
        &mut self.things
    }
}

fn uuid(rng: &mut ChaCha12Rng) -> String {
    let bits = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn the_same_seed_draws_the_same_ids_however_often_one_looks() {
        let (mut one, mut two) = (Ids::new(7), Ids::new(7));
        two.request();
        assert_eq!(one.resource("i"), two.resource("i"));
        assert_ne!(Ids::new(8).resource("i"), Ids::new(7).resource("i"));
    }

    #[test]
    fn ids_have_the_shape_of_the_real_ones() {
        let mut ids = Ids::new(1);
        assert_eq!(ids.resource("ami").len(), "ami-0123456789abcdef0".len());
        let uuid = ids.uuid();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
    }
}
