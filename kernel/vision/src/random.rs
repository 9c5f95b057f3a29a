//! Seeded random numbers: ChaCha8, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The environment variable that [`seed`] reads.
pub const SEED_VARIABLE: &str = "MOMENTUM_SEED";

/// The default seed: the environment variable `MOMENTUM_SEED` if it holds a number, else 0.
pub fn seed() -> u64 {
    std::env::var(SEED_VARIABLE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// A seeded stream of random numbers.
///
/// ```
/// use momentum_vision::random::Random;
/// let mut a = Random::new(7);
/// let mut b = Random::new(7);
/// assert_eq!(a.uniform(-1.0, 1.0), b.uniform(-1.0, 1.0));
/// ```
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The `stream`-th independent stream of a seed, so that weights, shuffles and splits do not
    /// disturb each other.
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Random(rng)
    }

    /// A number in `low..high`, one of 2^24 equally spaced ones.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0);
        low + unit * (high - low)
    }

    /// A whole number in `0..n`, without bias (Lemire 2019); 0 when `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        let threshold = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// Shuffles in place (Fisher and Yates). At most 2^32 items are moved.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(u32::try_from(i + 1).unwrap_or(u32::MAX)) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_pinned() {
        let mut items: Vec<u8> = (0..10).collect();
        Random::new(0).shuffle(&mut items);
        insta::assert_snapshot!(items.iter().map(u8::to_string).collect::<String>(), @"1402783596");
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<u8>>());
    }

    #[test]
    fn uniform_numbers_stay_within_and_below_covers() {
        let mut random = Random::stream(1, 2);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            let x = random.uniform(-2.0, 3.0);
            assert!((-2.0..3.0).contains(&x));
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 150), "{seen:?}");
    }
}
