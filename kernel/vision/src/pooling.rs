//! Max pooling on slices.

use rayon::prelude::*;

use crate::convolution::SLACK;
use crate::simd::{self, Kernel, LANES, Lanes};
use crate::threads;

/// A max pooling of maps of one size: windows of `side` by `side` pixels, `stride` pixels apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxPooling {
    side: usize,
    stride: usize,
    height: usize,
    width: usize,
    output_height: usize,
    output_width: usize,
}

impl MaxPooling {
    /// `None` when a window does not fit, or side or stride are 0.
    pub(crate) fn new(side: usize, stride: usize, height: usize, width: usize) -> Option<Self> {
        if side == 0 || stride == 0 {
            return None;
        }
        let output_height = height.checked_sub(side)? / stride + 1;
        let output_width = width.checked_sub(side)? / stride + 1;
        Some(MaxPooling { side, stride, height, width, output_height, output_width })
    }

    pub(crate) fn output_size(&self) -> (usize, usize) {
        (self.output_height, self.output_width)
    }

    /// The greatest value of each window, and its place in its map. Of equal values the first one
    /// in reading order wins; NaN wins over all, so that it is not hidden.
    pub(crate) fn forward(&self, x: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let (input_len, output_len) =
            (self.height * self.width, self.output_height * self.output_width);
        let n_maps = x.len() / input_len;
        let mut y = vec![0.0; n_maps * output_len];
        let mut places = vec![0u32; n_maps * output_len];
        threads::install(|| {
            y.par_chunks_mut(output_len)
                .zip(places.par_chunks_mut(output_len))
                .zip(x.par_chunks(input_len))
                .with_min_len(16)
                .for_each(|((y, places), x)| match (self.side, self.stride) {
                    (2, 2) => self.pool_pairs(x, y, places),
                    _ => self.pool(x, y, places),
                });
        });
        (y, places)
    }

    fn pool(&self, x: &[f32], y: &mut [f32], places: &mut [u32]) {
        let rows = y.chunks_exact_mut(self.output_width);
        for (oy, (y, places)) in rows.zip(places.chunks_exact_mut(self.output_width)).enumerate() {
            for (ox, (y, place)) in y.iter_mut().zip(places).enumerate() {
                let corner = oy * self.stride * self.width + ox * self.stride;
                let (mut best, mut at) = (x[corner], corner);
                for ky in 0..self.side {
                    let row = corner + ky * self.width;
                    for (kx, &value) in x[row..row + self.side].iter().enumerate() {
                        let better = (value > best) | value.is_nan();
                        best = if better { value } else { best };
                        at = if better { row + kx } else { at };
                    }
                }
                (*y, *place) = (best, at as u32);
            }
        }
    }

    /// The common case, written so that the compiler needs no branch.
    fn pool_pairs(&self, x: &[f32], y: &mut [f32], places: &mut [u32]) {
        let better = |value: f32, best: f32| (value > best) | value.is_nan();
        let rows = y.chunks_exact_mut(self.output_width);
        for (oy, (y, places)) in rows.zip(places.chunks_exact_mut(self.output_width)).enumerate() {
            let start = 2 * oy * self.width;
            let (upper, lower) = x[start..start + 2 * self.width].split_at(self.width);
            let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            let outputs = y.iter_mut().zip(places).zip(pairs).enumerate();
            for (ox, ((y, place), (&[a, b], &[c, d]))) in outputs {
                let (mut best, mut at) = (a, 0);
                (best, at) = if better(b, best) { (b, 1) } else { (best, at) };
                (best, at) = if better(c, best) { (c, self.width) } else { (best, at) };
                (best, at) = if better(d, best) { (d, self.width + 1) } else { (best, at) };
                (*y, *place) = (best, (start + 2 * ox + at) as u32);
            }
        }
    }

    /// Adds each output's gradient to the pixel that was the greatest of its window.
    pub(crate) fn backward(&self, places: &[u32], dy: &[f32], dx: &mut [f32]) {
        let output_len = self.output_height * self.output_width;
        threads::install(|| {
            dx.par_chunks_mut(self.height * self.width)
                .zip(dy.par_chunks(output_len).zip(places.par_chunks(output_len)))
                .with_min_len(16)
                .for_each(|(dx, (dy, places))| {
                    for (&place, dy) in places.iter().zip(dy) {
                        dx[place as usize] += dy;
                    }
                });
        });
    }

    /// Whether [`MaxPooling::forward_last`] can tell all places of a window from each other.
    pub(crate) fn has_few_places(&self) -> bool {
        self.side * self.side < usize::from(NOBODY)
    }

    /// Values of one map that come out.
    pub(crate) fn positions(&self) -> usize {
        self.output_height * self.output_width
    }

    /// One image with channels last, followed by [`SLACK`] numbers of any value: the greatest value of
    /// each window, through a ReLU if asked, and which place in the window it came from, [`NOBODY`]
    /// where the ReLU stopped it. The places may be empty, if nobody asks for them.
    pub(crate) fn forward_last(
        &self,
        x: &[f32],
        channels: usize,
        relu: bool,
        y: &mut [f32],
        places: &mut [u8],
    ) {
        simd::run(Pool { pooling: *self, x, channels, relu, y, places });
    }

    /// The way back of [`MaxPooling::forward_last`]: writes the gradient of the whole image.
    pub(crate) fn backward_last(&self, places: &[u8], dy: &[f32], channels: usize, dx: &mut [f32]) {
        simd::run(Unpool { pooling: *self, places, dy, channels, dx });
    }

    /// Where the windows' top left pixels are.
    fn corners(&self) -> impl Iterator<Item = usize> + use<> {
        let MaxPooling { stride, width, output_height, output_width, .. } = *self;
        (0..output_height)
            .flat_map(move |y| (0..output_width).map(move |x| (y * width + x) * stride))
    }
}

/// No place: the ReLU behind the window let nothing through.
const NOBODY: u8 = u8::MAX;

struct Pool<'a> {
    pooling: MaxPooling,
    x: &'a [f32],
    channels: usize,
    relu: bool,
    y: &'a mut [f32],
    places: &'a mut [u8],
}

impl Kernel for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Pool { pooling, x, channels, relu, y, places } = self;
        let MaxPooling { side, width, .. } = pooling;
        const { assert!(LANES <= SLACK) };
        let (first, nobody) = (l.splat(0.0), l.splat(f32::from(NOBODY)));
        for (window, corner) in pooling.corners().enumerate() {
            for channel in (0..channels).step_by(LANES) {
                let from = corner * channels + channel;
                let (mut best, mut at) = (l.load_at(x, from), first);
                for row in 0..side {
                    for column in usize::from(row == 0)..side {
                        let value = l.load_at(x, from + (row * width + column) * channels);
                        let place = l.splat((row * side + column) as f32);
                        // The place first, as it asks for the best so far.
                        at = l.where_nan(value, place, l.where_above([value, best], place, at));
                        best = l.where_nan(value, value, l.where_above([value, best], value, best));
                    }
                }
                if relu {
                    at = l.where_above([best, first], at, nobody);
                    best = l.relu(best);
                }
                // Lanes beyond the last channel fall on the next window, written after this.
                let to = window * channels + channel;
                let width = if to + LANES <= y.len() { LANES } else { channels - channel };
                l.store_at(best, y, to, width);
                if !places.is_empty() {
                    let mut all = [0.0; LANES];
                    l.store(at, &mut all);
                    let places = &mut places[to..to + width.min(LANES)];
                    places.iter_mut().zip(all).for_each(|(place, at)| *place = at as u8);
                }
            }
        }
    }
}

struct Unpool<'a> {
    pooling: MaxPooling,
    places: &'a [u8],
    dy: &'a [f32],
    channels: usize,
    dx: &'a mut [f32],
}

impl Kernel for Unpool<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Unpool { pooling, places, dy, channels, dx } = self;
        let MaxPooling { side, stride, width, height, .. } = pooling;
        let covers = side == stride && width % side == 0 && height % side == 0;
        if !covers {
            dx.fill(0.0);
        }
        let outputs = dy.chunks_exact(channels).zip(places.chunks_exact(channels));
        for ((dy, places), corner) in outputs.zip(pooling.corners()) {
            for place in 0..side * side {
                let pixel = corner + place / side * width + place % side;
                let dx = &mut dx[pixel * channels..][..channels];
                for ((dx, dy), at) in dx.iter_mut().zip(dy).zip(places) {
                    let share = if *at == place as u8 { *dy } else { 0.0 };
                    *dx = if covers { share } else { *dx + share };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::{channels_first, channels_last};
    use crate::random::Random;
    use crate::simd::{Instructions, choosing};

    /// Channels last give what channels first give, on maps full of equal values, NaN and both zeros.
    fn check(side: usize, stride: usize, [height, width]: [usize; 2], channels: usize) {
        let mut random = Random::new(1);
        let values = [0.0, -0.0, 1.0, 1.0, -1.0, 2.0, f32::NAN];
        let pixels = height * width;
        let x: Vec<f32> =
            (0..channels * pixels).map(|_| values[random.below(7) as usize]).collect();
        let mut last = vec![f32::NAN; x.len() + SLACK];
        channels_last(&x, channels, &mut last[..channels * pixels]);
        let pooling = MaxPooling::new(side, stride, height, width).unwrap();
        let (expected, expected_places) = pooling.forward(&x);
        for (instructions, relu) in
            Instructions::available().into_iter().flat_map(|i| [(i, false), (i, true)])
        {
            let (mut y, mut without) = (vec![5.0; expected.len()], vec![6.0; expected.len()]);
            let mut places = vec![7; expected.len()];
            choosing(instructions, || {
                pooling.forward_last(&last, channels, relu, &mut y, &mut places);
                pooling.forward_last(&last, channels, relu, &mut without, &mut []);
            });
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&y), bits(&without));
            let mut first = vec![0.0; y.len()];
            channels_first(&y, channels, &mut first, |_, value| value);
            let stop = |y: &f32| if relu && *y < 0.0 { 0.0 } else { *y };
            assert_eq!(bits(&first), bits(&expected.iter().map(stop).collect::<Vec<_>>()));
            let positions = pooling.positions();
            for (i, place) in places.iter().enumerate() {
                let (position, channel) = (i / channels, i % channels);
                let at = channel * positions + position;
                let corner = pooling.corners().nth(position).unwrap();
                let (row, column) = (usize::from(*place) / side, usize::from(*place) % side);
                if !relu || expected[at] > 0.0 {
                    assert_eq!(corner + row * width + column, expected_places[at] as usize);
                } else {
                    assert_eq!(*place, NOBODY);
                }
            }
        }
    }

    #[test]
    fn channels_last_give_what_channels_first_give() {
        check(2, 2, [6, 8], 6);
        check(2, 2, [7, 5], 16);
        check(3, 2, [9, 7], 20);
        check(1, 1, [2, 3], 1);
    }
}
