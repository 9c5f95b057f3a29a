//! The nested key-value task of the MemGPT paper (section 3.2.2): 140 pairs of keys and values that
//! look alike, where the value of a key may itself be a key. The test and the example
//! `nested_keys` share this file.

/// A task: the pairs, and where the chain begins and ends.
pub struct Task {
    pub pairs: Vec<(String, String)>,
    pub first: String,
    pub last: String,
}

/// The number of pairs in the paper.
const N_PAIRS: usize = 140;

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn key(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff,
        )
    }
}

/// A task whose chain takes `depth` look-ups.
pub fn task(depth: usize, seed: u64) -> Task {
    let mut random = Random(seed.wrapping_mul(1_000).wrapping_add(depth as u64));
    let chain: Vec<_> = (0..=depth).map(|_| random.key()).collect();
    let mut pairs: Vec<_> =
        chain.windows(2).map(|link| (link[0].clone(), link[1].clone())).collect();
    while pairs.len() < N_PAIRS {
        pairs.push((random.key(), random.key()));
    }
    for i in (1..pairs.len()).rev() {
        let j = (random.next() % (i as u64 + 1)) as usize;
        pairs.swap(i, j);
    }
    Task { pairs, first: chain[0].clone(), last: chain[depth].clone() }
}
