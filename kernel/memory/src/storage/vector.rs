//! Vectors of texts: how alike two texts are.

use super::{QueryVector, StorageError};

/// With at most this many vectors the query is compared with all of them.
const ALL: usize = 4_096;
/// Of more, this many are compared exactly. Of the ten nearest texts 99 of 100 are among the first
/// 75 by their signs of 500 texts, 94 of 1,000, 129 of 2,000 and 139 of 2,960 (all-MiniLM-L6-v2 on
/// LoCoMo); that grows slower than the root, and would be some 1,100 of a million.
const NEAREST: usize = 2_048;
/// From this many on, the signs are compared on all cores.
const MANY: usize = 200_000;
/// How many sums are made at a time.
const BLOCK: usize = 1_024;

/// Unit vectors of one length, in the order of their texts, side by side in memory, each also as
/// one bit a number: its sign.
///
/// The similarity is the cosine of the angle between query and text. In large collections the
/// query is compared with all texts by the signs alone (the share of equal signs grows with the
/// cosine), and then exactly with the nearest of them.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    items: Vec<u32>,
    numbers: Vec<f32>,
    /// The first 64 signs of each vector, then the next 64 of each, and so on.
    signs: Vec<Vec<u64>>,
    dimension: usize,
}

impl Vectors {
    /// The last text with a vector.
    pub(crate) fn last(&self) -> Option<u32> {
        self.items.last().copied()
    }

    /// Adds the unit vector of a text behind the others.
    pub(crate) fn push(&mut self, item: u32, unit: &[f32]) {
        self.dimension = unit.len();
        self.items.push(item);
        self.numbers.extend_from_slice(unit);
        let words = signs(unit);
        self.signs.resize(words.len(), Vec::new());
        for (plane, word) in self.signs.iter_mut().zip(words) {
            plane.push(word);
        }
    }

    /// The similarities of the nearest texts, or of all when there are few, in their order.
    pub(crate) fn similarities(
        &self,
        query: &QueryVector,
    ) -> Result<Vec<(u32, f32)>, StorageError> {
        let unit = unit(&query.values);
        let (expected, found) = (self.dimension, unit.len());
        if !self.items.is_empty() && expected != found {
            let model = query.model.clone();
            return Err(StorageError::Dimension { model, expected, found });
        }
        let similarity = |at: usize| {
            let row = &self.numbers[at * self.dimension..(at + 1) * self.dimension];
            (self.items[at], dot(&unit, row))
        };
        if self.items.len() <= ALL {
            return Ok((0..self.items.len()).map(similarity).collect());
        }
        Ok(self.nearest(&signs(&unit)).into_iter().map(similarity).collect())
    }

    /// Where the vectors stand that differ from the query in the fewest signs.
    fn nearest(&self, query: &[u64]) -> Vec<usize> {
        let mut distances = vec![0_u16; self.items.len()];
        let n_threads = match self.items.len() {
            ..MANY => 1,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let share = distances.len().div_ceil(n_threads).max(1);
        std::thread::scope(|scope| {
            let mut parts = distances.chunks_mut(share).enumerate();
            let first = parts.next();
            for (n, part) in parts {
                scope.spawn(move || self.distances(query, n * share, part));
            }
            if let Some((_, part)) = first {
                self.distances(query, 0, part);
            }
        });
        let mut counts = vec![0_usize; self.signs.len() * 64 + 1];
        for distance in &distances {
            counts[usize::from(*distance)] += 1;
        }
        let mut sum = 0;
        let enough = counts.iter().position(|count| {
            sum += count;
            sum >= NEAREST
        });
        let farthest = enough.unwrap_or(counts.len());
        (0..distances.len()).filter(|at| usize::from(distances[*at]) <= farthest).collect()
    }

    /// In how many signs the query differs from the vectors that begin at `first`.
    fn distances(&self, query: &[u64], first: usize, distances: &mut [u16]) {
        // Some at a time, so that the sums stay in the nearest cache.
        for (n, part) in distances.chunks_mut(BLOCK).enumerate() {
            let begin = first + n * BLOCK;
            let mut sums = [0_u64; BLOCK];
            for (plane, wanted) in self.signs.iter().zip(query) {
                for (sum, word) in sums.iter_mut().zip(&plane[begin..begin + part.len()]) {
                    *sum += u64::from((word ^ wanted).count_ones());
                }
            }
            for (distance, sum) in part.iter_mut().zip(sums) {
                *distance = u16::try_from(sum).unwrap_or(u16::MAX);
            }
        }
    }
}

/// A vector's signs, 64 in a word.
fn signs(vector: &[f32]) -> Vec<u64> {
    let word = |some: &[f32]| {
        some.iter().enumerate().fold(0, |word, (i, x)| word | u64::from(*x > 0.0) << i)
    };
    vector.chunks(64).map(word).collect()
}

/// The vector with length 1; zero stays zero.
pub(crate) fn unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter().map(|x| x * scale).collect()
}

/// The sum of products, in eight sums side by side: the same bits on every machine, and the
/// compiler can use wide registers.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The numbers as bytes, the lowest first.
pub(crate) fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The numbers from [`to_bytes`].
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.chunks_exact(4).map(|four| four.try_into().unwrap_or_default());
    numbers.map(f32::from_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors around some centres, as texts lie around subjects.
    #[test]
    fn signs_lose_none_of_the_nearest() {
        let mut random = 3_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((random >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
        };
        let mut vector = |n: usize| (0..n).map(|_| next()).collect::<Vec<f32>>();
        let centres: Vec<_> = (0..40).map(|_| vector(96)).collect();
        let mut vectors = Vectors::default();
        for n in 0..6_000 {
            let centre = &centres[n % 40];
            let noisy: Vec<f32> = vector(96).iter().zip(centre).map(|(x, c)| c + x).collect();
            vectors.push(n as u32, &unit(&noisy));
        }
        let (mut n_found, mut n_wanted) = (0, 0);
        for centre in &centres {
            let query = QueryVector { model: String::new(), values: centre.clone() };
            let near = vectors.similarities(&query).unwrap();
            assert!(near.len() < 4_000, "{}", near.len());
            let exact = |at: usize| dot(&unit(centre), &vectors.numbers[at * 96..(at + 1) * 96]);
            let mut all: Vec<_> = (0..6_000).map(|at| (exact(at), at as u32)).collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            n_wanted += 10;
            n_found +=
                all[..10].iter().filter(|(_, item)| near.iter().any(|(n, _)| n == item)).count();
        }
        assert_eq!(n_found, n_wanted);
    }
}
