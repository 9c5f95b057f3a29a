//! Vectors of eight numbers, and the one loop that nearly all time goes to. The only file of the
//! package with `unsafe` in it.
//!
//! Code that is generic over [`Lanes`] is compiled once for each [`Instructions`]; a [`Kernel`] is run
//! with those that the CPU has. Each operation gives the same bits everywhere: the fused
//! multiply-add rounds once, also where the CPU has none, and lanes are never summed over.

/// Numbers in one vector.
pub(crate) const LANES: usize = 8;

/// Instruction sets that the kernels are compiled for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instructions {
    /// What every CPU of the target has. Without hardware fused multiply-add this is slow.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512: twice as many registers, and broadcasts within the multiply-add. Vectors stay at 8
    /// values.
    Avx512,
}

impl Instructions {
    /// The best instructions that this CPU has.
    pub fn detected() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// All instruction sets that this CPU has.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512]
            .into_iter()
            .filter(|i| i.is_available())
            .collect()
    }

    /// Whether this CPU has them. The standard library asks the CPU once and remembers.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.is_available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// Work written once for every instruction set. `run` must be `#[inline(always)]`.
pub(crate) trait Kernel {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Arithmetic on eight numbers. A value of the type is the proof that the CPU has the instructions.
pub(crate) trait Lanes: Copy {
    type Vector: Copy;
    fn splat(self, x: f32) -> Self::Vector;
    fn load(self, from: &[f32; LANES]) -> Self::Vector;
    fn store(self, x: Self::Vector, to: &mut [f32; LANES]);
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    fn sub(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    fn mul(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `x * y + z`, rounded once.
    fn mul_add(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;

    /// `a` where the first of the pair is greater than the second, and `b` elsewhere, also where one
    /// of the two is NaN.
    fn where_above(self, pair: [Self::Vector; 2], a: Self::Vector, b: Self::Vector)
    -> Self::Vector;
    /// `a` where `x` is NaN, and `b` elsewhere.
    fn where_nan(self, x: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// Zero where `x` is below zero, and `x` elsewhere, NaN and the zero with a sign included.
    #[inline(always)]
    fn relu(self, x: Self::Vector) -> Self::Vector {
        let zero = self.splat(0.0);
        self.where_above([zero, x], zero, x)
    }

    /// The vector at the start of a slice.
    #[inline(always)]
    fn load_at(self, from: &[f32], at: usize) -> Self::Vector {
        match from[at..].first_chunk() {
            Some(head) => self.load(head),
            None => panic!("a vector beyond the slice"),
        }
    }

    /// Writes the first `width` numbers of a vector to the start of a slice.
    #[inline(always)]
    fn store_at(self, x: Self::Vector, to: &mut [f32], at: usize, width: usize) {
        let to = &mut to[at..];
        if let (true, Some(to)) = (width >= LANES, to.first_chunk_mut()) {
            return self.store(x, to);
        }
        let mut all = [0.0; LANES];
        self.store(x, &mut all);
        to[..width].copy_from_slice(&all[..width]);
    }
}

/// One number after the other, for CPUs without the instructions.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Lanes for Portable {
    type Vector = [f32; LANES];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Vector {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::Vector {
        *from
    }
    #[inline(always)]
    fn store(self, x: Self::Vector, to: &mut [f32; LANES]) {
        *to = x;
    }
    #[inline(always)]
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| x[i] + y[i])
    }
    #[inline(always)]
    fn sub(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| x[i] - y[i])
    }
    #[inline(always)]
    fn mul(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| x[i] * y[i])
    }
    #[inline(always)]
    fn mul_add(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| x[i].mul_add(y[i], z[i]))
    }
    #[inline(always)]
    fn where_above(
        self,
        [x, y]: [Self::Vector; 2],
        a: Self::Vector,
        b: Self::Vector,
    ) -> Self::Vector {
        std::array::from_fn(|i| if x[i] > y[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn where_nan(self, x: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| if x[i].is_nan() { a[i] } else { b[i] })
    }
}

/// Adds to each of `R x C` vectors of sums the products of `n` steps: at step `k` the number
/// `a[rows[r] + k * a_step]` times the vector `b[k * b_step + 8 * c..]`, one fused multiply-add after
/// the other.
///
/// # Panics
/// If a step reaches beyond `a` or `b`.
#[expect(clippy::too_many_arguments, reason = "two walks and a length; a struct would hide them")]
#[allow(unsafe_code, reason = "bounds are checked once before the loop instead of at each step")]
#[allow(clippy::needless_range_loop, reason = "r and c are the places in the register tile")]
#[inline(always)]
pub(crate) fn accumulate<L: Lanes, const R: usize, const C: usize>(
    lanes: L,
    a: &[f32],
    rows: &[usize; R],
    a_step: usize,
    b: &[f32],
    b_step: usize,
    n: usize,
    sums: &mut [[L::Vector; C]; R],
) {
    if n == 0 {
        return;
    }
    let a_reach = (n - 1).checked_mul(a_step);
    let b_reach = (n - 1).checked_mul(b_step).and_then(|last| last.checked_add(C * LANES));
    assert!(b_reach.is_some_and(|reach| reach <= b.len()), "a step beyond b");
    for &row in rows {
        let reach = a_reach.and_then(|last| last.checked_add(row));
        assert!(reach.is_some_and(|reach| reach < a.len()), "a step beyond a");
    }
    let (mut a_at, mut b_at) = (a.as_ptr(), b.as_ptr());
    for _ in 0..n {
        let mut columns = [lanes.splat(0.0); C];
        for (c, column) in columns.iter_mut().enumerate() {
            // SAFETY: `b_at` is `b` + k * b_step with k < n, and the assertion on `b_reach` says that
            // C vectors from there lie within `b`. Arrays of f32 need no more alignment than f32.
            *column = lanes.load(unsafe { &*b_at.add(c * LANES).cast::<[f32; LANES]>() });
        }
        for r in 0..R {
            // SAFETY: `a_at` is `a` + k * a_step with k < n, and the assertion on `a_reach` says that
            // the step of this row lies within `a`.
            let x = lanes.splat(unsafe { *a_at.add(rows[r]) });
            for c in 0..C {
                sums[r][c] = lanes.mul_add(x, columns[c], sums[r][c]);
            }
        }
        // After the last step these may point beyond the slices; they are not read from then.
        a_at = a_at.wrapping_add(a_step);
        b_at = b_at.wrapping_add(b_step);
    }
}

/// Offsets of the steps of a walk that is not even, and how far they reach.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    offsets: Vec<usize>,
    reach: usize,
}

impl Steps {
    pub(crate) fn new(offsets: Vec<usize>) -> Self {
        let reach = offsets.iter().copied().max().unwrap_or(0);
        Steps { offsets, reach }
    }

    pub(crate) fn offsets(&self) -> &[usize] {
        &self.offsets
    }
}

/// [`accumulate`] with uneven steps through `a`: at step `k` the number `a[rows[r] + steps[k]]` times
/// the vector `b[k * b_step + 8 * c..]`.
///
/// # Panics
/// If a step reaches beyond `a` or `b`.
#[allow(unsafe_code, reason = "bounds are checked once before the loop instead of at each step")]
#[allow(clippy::needless_range_loop, reason = "r and c are the places in the register tile")]
#[inline(always)]
pub(crate) fn accumulate_steps<L: Lanes, const R: usize, const C: usize>(
    lanes: L,
    a: &[f32],
    rows: &[usize; R],
    steps: &Steps,
    b: &[f32],
    b_step: usize,
    sums: &mut [[L::Vector; C]; R],
) {
    let Some(last) = steps.offsets.len().checked_sub(1) else { return };
    let b_reach = last.checked_mul(b_step).and_then(|last| last.checked_add(C * LANES));
    assert!(b_reach.is_some_and(|reach| reach <= b.len()), "a step beyond b");
    for &row in rows {
        let reach = steps.reach.checked_add(row);
        assert!(reach.is_some_and(|reach| reach < a.len()), "a step beyond a");
    }
    let mut b_at = b.as_ptr();
    for &step in &steps.offsets {
        let mut columns = [lanes.splat(0.0); C];
        for (c, column) in columns.iter_mut().enumerate() {
            // SAFETY: `b_at` is `b` + k * b_step with k <= last, and the assertion on `b_reach` says
            // that C vectors from there lie within `b`. Arrays of f32 need no more alignment than f32.
            *column = lanes.load(unsafe { &*b_at.add(c * LANES).cast::<[f32; LANES]>() });
        }
        // SAFETY: no step is above `steps.reach`, the greatest of them since `Steps` was made, and
        // the assertion says that `steps.reach` and any of the rows together lie within `a`.
        let a_at = unsafe { a.as_ptr().add(step) };
        for r in 0..R {
            // SAFETY: as above, with the row added.
            let x = lanes.splat(unsafe { *a_at.add(rows[r]) });
            for c in 0..C {
                sums[r][c] = lanes.mul_add(x, columns[c], sums[r][c]);
            }
        }
        // After the last step this may point beyond the slice; it is not read from then.
        b_at = b_at.wrapping_add(b_step);
    }
}

/// Runs a kernel with the best instructions that the CPU has.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(test)]
    if let Some(instructions) = CHOSEN.get() {
        return run_with(instructions, kernel);
    }
    run_with(Instructions::detected(), kernel)
}

#[cfg(test)]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Instructions>> = const { std::cell::Cell::new(None) };
}

/// Runs `f` with chosen instructions for all kernels of this thread.
#[cfg(test)]
pub(crate) fn choosing<R>(instructions: Instructions, f: impl FnOnce() -> R) -> R {
    CHOSEN.set(Some(instructions));
    let result = f();
    CHOSEN.set(None);
    result
}

/// Runs a kernel with chosen instructions.
///
/// # Panics
/// If the CPU lacks them.
#[cfg_attr(
    target_arch = "x86_64",
    allow(
        unsafe_code,
        reason = "calling a function compiled for instructions beyond the target's"
    )
)]
pub(crate) fn run_with<K: Kernel>(instructions: Instructions, kernel: K) -> K::Output {
    assert!(instructions.is_available(), "this CPU has no {instructions:?}");
    match instructions {
        // SAFETY: the assertion above has asked the CPU for AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { x86::avx2(kernel) },
        // SAFETY: the assertion above has asked the CPU for AVX-512F and VL, AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { x86::avx512(kernel) },
        _ => kernel.run(Portable),
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "the standard library's vector instructions; each is called with the proof in hand"
)]
mod x86 {
    use super::{Kernel, LANES, Lanes};
    use std::arch::x86_64::{
        __m256, _CMP_GT_OQ, _CMP_UNORD_Q, _mm256_add_ps, _mm256_blendv_ps, _mm256_cmp_ps,
        _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm256_sub_ps,
    };

    /// The proof that the CPU has AVX2 and FMA: only the two functions below make one.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run(Avx2(()))
    }

    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    pub(super) fn avx512<K: Kernel>(kernel: K) -> K::Output {
        kernel.run(Avx2(()))
    }

    impl Lanes for Avx2 {
        type Vector = __m256;

        #[inline(always)]
        fn splat(self, x: f32) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn load(self, from: &[f32; LANES]) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX; the reference is to eight numbers.
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, x: __m256, to: &mut [f32; LANES]) {
            // SAFETY: `self` proves that the CPU has AVX; the reference is to eight numbers.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
        }
        #[inline(always)]
        fn add(self, x: __m256, y: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_add_ps(x, y) }
        }
        #[inline(always)]
        fn sub(self, x: __m256, y: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_sub_ps(x, y) }
        }
        #[inline(always)]
        fn mul(self, x: __m256, y: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_mul_ps(x, y) }
        }
        #[inline(always)]
        fn mul_add(self, x: __m256, y: __m256, z: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has FMA.
            unsafe { _mm256_fmadd_ps(x, y, z) }
        }
        #[inline(always)]
        fn where_above(self, [x, y]: [__m256; 2], a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_GT_OQ>(x, y)) }
        }
        #[inline(always)]
        fn where_nan(self, x: __m256, a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves that the CPU has AVX.
            unsafe { _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Two rows and one vector of sums with every walk in bounds, as the definition says.
    struct Two<'a>(&'a [f32], &'a [f32], [usize; 2], usize, usize, usize);

    impl Kernel for Two<'_> {
        type Output = Vec<f32>;
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Vec<f32> {
            let Two(a, b, rows, a_step, b_step, n) = self;
            let mut sums = [[lanes.splat(0.5); 1]; 2];
            accumulate(lanes, a, &rows, a_step, b, b_step, n, &mut sums);
            let mut out = vec![0.0; 2 * LANES];
            lanes.store_at(sums[0][0], &mut out, 0, LANES);
            lanes.store_at(sums[1][0], &mut out, LANES, LANES);
            out
        }
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition() {
        let mut random = Random::new(1);
        let a: Vec<f32> = (0..64).map(|_| random.uniform(-1.0, 1.0)).collect();
        for (rows, a_step, b_step, n) in [([0, 7], 3, 1, 9), ([5, 5], 1, 8, 6), ([63, 0], 0, 0, 4)]
        {
            let mut expected = vec![0.5; 2 * LANES];
            for (i, sum) in expected.iter_mut().enumerate() {
                for k in 0..n {
                    let (x, y) = (a[rows[i / LANES] + k * a_step], a[k * b_step + i % LANES]);
                    *sum = x.mul_add(y, *sum);
                }
            }
            for instructions in Instructions::available() {
                let got = run_with(instructions, Two(&a, &a, rows, a_step, b_step, n));
                assert_eq!(got, expected, "{instructions:?}");
            }
        }
    }

    /// Both choices and the ReLU on every pair of special numbers.
    struct Choices<'a>(&'a [f32; LANES], f32);

    impl Kernel for Choices<'_> {
        type Output = [[f32; LANES]; 3];
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> [[f32; LANES]; 3] {
            let (x, y) = (lanes.load(self.0), lanes.splat(self.1));
            let (a, b) = (lanes.splat(1.0), lanes.splat(2.0));
            let mut out = [[0.0; LANES]; 3];
            lanes.store(lanes.where_above([x, y], a, b), &mut out[0]);
            lanes.store(lanes.where_nan(x, a, b), &mut out[1]);
            lanes.store(lanes.relu(x), &mut out[2]);
            out
        }
    }

    #[test]
    fn every_instruction_set_chooses_alike() {
        let special = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e-45];
        for y in special {
            let expected = [
                special.map(|x| if x > y { 1.0 } else { 2.0 }),
                special.map(|x| if x.is_nan() { 1.0 } else { 2.0 }),
                special.map(|x| if x < 0.0 { 0.0 } else { x }),
            ];
            for instructions in Instructions::available() {
                let got = run_with(instructions, Choices(&special, y));
                assert_eq!(
                    got.map(|row| row.map(f32::to_bits)),
                    expected.map(|row| row.map(f32::to_bits)),
                    "{y} with {instructions:?}"
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "a step beyond a")]
    fn a_row_beyond_the_slice_is_refused() {
        run(Two(&[0.0; 16], &[0.0; 64], [0, 15], 1, 8, 2));
    }

    #[test]
    #[should_panic(expected = "a step beyond b")]
    fn a_column_beyond_the_slice_is_refused() {
        run(Two(&[0.0; 64], &[0.0; 16], [0, 15], 1, 9, 2));
    }
}
