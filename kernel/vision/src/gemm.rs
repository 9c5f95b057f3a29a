//! Matrix product with one fixed order of summation.
//!
//! Every element of `C += A · B` is summed over the shared index in ascending order, one fused
//! multiply-add at a time, starting from the value that `C` held. Blocking, vector width and number
//! of threads only change *which elements* are worked on together, never the order within one
//! element, so the bits are the same on every machine. Libraries that pick their blocking from the
//! size of the caches do not promise that.
//!
//! The structure (panels packed for a register tile) is that of Goto and van de Geijn, "Anatomy of
//! High-Performance Matrix Multiplication", 2008.

mod simd;

use std::cell::RefCell;

use rayon::prelude::*;

use crate::threads;

pub use simd::Instructions;

/// Length of the shared index worked on at a time, so that a panel of `B` stays in cache.
const DEPTH_BLOCK: usize = 256;
/// Columns of `B` packed at a time. A multiple of every register tile's width.
const COLUMN_BLOCK: usize = 512;
/// Rows of `A` packed at a time. A multiple of every register tile's height.
const ROW_BLOCK: usize = 96;
/// Rows of `C` given to one task are a multiple of this, which every register tile's height divides.
const TASK_ROWS: usize = 24;

thread_local! {
    static PANELS: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// A borrowed matrix whose rows and columns may lie at any distance from each other.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix stored row after row.
    ///
    /// # Panics
    /// If `data` does not hold `rows * columns` values.
    pub fn row_major(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a {rows} x {columns} matrix");
        Matrix { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same values with rows and columns exchanged; nothing is copied.
    pub fn transposed(self) -> Self {
        Matrix {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Rows `from..from + count`.
    fn rows_from(self, from: usize, count: usize) -> Self {
        Matrix { data: &self.data[from * self.row_stride..], rows: count, ..self }
    }
}

/// `C += A · B` on the calling thread. `c` is row-major, `a.rows` by `b.columns`.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn multiply_add(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    multiply_add_with(Instructions::detected(), a, b, c);
}

/// [`multiply_add`] with chosen instructions, for comparing them.
///
/// # Panics
/// If the shapes do not fit each other, or the CPU lacks the instructions.
pub fn multiply_add_with(instructions: Instructions, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    assert_eq!(a.columns, b.rows, "the shared index");
    assert_eq!(c.len(), a.rows * b.columns, "the product");
    if c.is_empty() || a.columns == 0 {
        return;
    }
    PANELS.with_borrow_mut(|(a_panels, b_panels)| {
        simd::run(instructions, &mut Product { a, b, c, a_panels, b_panels });
    });
}

/// `C += A · B`, with blocks of rows of `C` shared out to the threads of the current rayon pool.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn multiply_add_parallel(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    assert_eq!(c.len(), a.rows * b.columns, "the product");
    if c.is_empty() {
        return;
    }
    let task_rows = a.rows.div_ceil(8).next_multiple_of(TASK_ROWS).min(ROW_BLOCK);
    threads::install(|| {
        c.par_chunks_mut(task_rows * b.columns).enumerate().for_each(|(i, c)| {
            let rows = c.len() / b.columns;
            multiply_add(a.rows_from(i * task_rows, rows), b, c);
        });
    });
}

/// One product with its scratch space.
struct Product<'a, 'b> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    c: &'b mut [f32],
    a_panels: &'b mut Vec<f32>,
    b_panels: &'b mut Vec<f32>,
}

/// The whole product for a register tile of `MR` rows and `NR` columns. Always inlined, so that
/// [`simd`] can compile it once for each instruction set.
#[inline(always)]
fn product<const MR: usize, const NR: usize>(p: &mut Product<'_, '_>) {
    let (m, n, depth) = (p.a.rows, p.b.columns, p.a.columns);
    for column in (0..n).step_by(COLUMN_BLOCK) {
        let columns = COLUMN_BLOCK.min(n - column);
        for from in (0..depth).step_by(DEPTH_BLOCK) {
            let k = DEPTH_BLOCK.min(depth - from);
            pack::<NR>(p.b_panels, p.b.transposed(), column, columns, from, k);
            for row in (0..m).step_by(ROW_BLOCK) {
                let rows = ROW_BLOCK.min(m - row);
                pack::<MR>(p.a_panels, p.a, row, rows, from, k);
                for (j, b) in p.b_panels.chunks_exact(k * NR).enumerate() {
                    let width = NR.min(columns - j * NR);
                    for (i, a) in p.a_panels.chunks_exact(k * MR).enumerate() {
                        let height = MR.min(rows - i * MR);
                        let c = &mut p.c[(row + i * MR) * n + column + j * NR..];
                        if width == NR && height == MR {
                            tile::<MR, NR>(a, b, c, n);
                        } else {
                            edge_tile::<MR, NR>(a, b, c, n, height, width);
                        }
                    }
                }
            }
        }
    }
}

/// Copies `count` rows of `x` into panels of `W` rows, each panel ordered by the shared index first.
/// The last panel is filled up with zeros.
#[inline(always)]
fn pack<const W: usize>(
    panels: &mut Vec<f32>,
    x: Matrix<'_>,
    row: usize,
    count: usize,
    from: usize,
    k: usize,
) {
    panels.resize(count.div_ceil(W) * W * k, 0.0);
    for (panel, r) in panels.chunks_exact_mut(W * k).zip((0..count).step_by(W)) {
        let width = W.min(count - r);
        let start = (row + r) * x.row_stride + from * x.column_stride;
        if width == W && x.row_stride == 1 {
            for (p, out) in panel.chunks_exact_mut(W).enumerate() {
                let at = start + p * x.column_stride;
                out.copy_from_slice(&x.data[at..at + W]);
            }
            continue;
        }
        for i in 0..W {
            if i >= width {
                panel[i..].iter_mut().step_by(W).for_each(|out| *out = 0.0);
                continue;
            }
            let source = x.data[start + i * x.row_stride..].iter().step_by(x.column_stride);
            for (out, value) in panel[i..].iter_mut().step_by(W).zip(source) {
                *out = *value;
            }
        }
    }
}

/// A full register tile: `C[MR x NR] += A-panel · B-panel`. The compiler vectorises over `NR`, that
/// is over elements of the output, never over the summed index.
#[inline(always)]
fn tile<const MR: usize, const NR: usize>(a: &[f32], b: &[f32], c: &mut [f32], c_stride: usize) {
    let mut sum = [[0.0f32; NR]; MR];
    for (i, sum) in sum.iter_mut().enumerate() {
        sum.copy_from_slice(&c[i * c_stride..i * c_stride + NR]);
    }
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for i in 0..MR {
            for j in 0..NR {
                sum[i][j] = a[i].mul_add(b[j], sum[i][j]);
            }
        }
    }
    for (i, sum) in sum.iter().enumerate() {
        c[i * c_stride..i * c_stride + NR].copy_from_slice(sum);
    }
}

/// A tile at the edge of `C`: worked out in full on a copy, of which the valid part is kept.
#[inline(always)]
fn edge_tile<const MR: usize, const NR: usize>(
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    c_stride: usize,
    height: usize,
    width: usize,
) {
    let mut copy = [[0.0f32; NR]; MR];
    for (i, copy) in copy.iter_mut().take(height).enumerate() {
        copy[..width].copy_from_slice(&c[i * c_stride..i * c_stride + width]);
    }
    tile::<MR, NR>(a, b, copy.as_flattened_mut(), NR);
    for (i, copy) in copy.iter().take(height).enumerate() {
        c[i * c_stride..i * c_stride + width].copy_from_slice(&copy[..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..len).map(|_| random.uniform(-1.0, 1.0)).collect()
    }

    /// The definition: one fused multiply-add after the other.
    fn plain(a: &[f32], b: &[f32], c: &mut [f32], m: usize, k: usize, n: usize) {
        for i in 0..m {
            for j in 0..n {
                for p in 0..k {
                    c[i * n + j] = a[i * k + p].mul_add(b[p * n + j], c[i * n + j]);
                }
            }
        }
    }

    fn check(m: usize, k: usize, n: usize) {
        let (a, b, start) = (random(m * k, 1), random(k * n, 2), random(m * n, 3));
        let mut expected = start.clone();
        plain(&a, &b, &mut expected, m, k, n);
        let a_transposed: Vec<f32> = (0..k * m).map(|x| a[(x % m) * k + x / m]).collect();
        let b_transposed: Vec<f32> = (0..k * n).map(|x| b[(x % k) * n + x / k]).collect();
        for instructions in Instructions::available() {
            for (a, b) in [
                (Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n)),
                (
                    Matrix::row_major(&a_transposed, k, m).transposed(),
                    Matrix::row_major(&b_transposed, n, k).transposed(),
                ),
            ] {
                let mut c = start.clone();
                multiply_add_with(instructions, a, b, &mut c);
                assert!(
                    c.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()),
                    "{m} x {k} x {n} with {instructions:?}"
                );
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition() {
        for (m, k, n) in
            [(1, 1, 1), (6, 3, 16), (7, 5, 17), (13, 300, 35), (100, 9, 530), (3, 0, 4)]
        {
            check(m, k, n);
        }
    }

    #[test]
    fn threads_do_not_change_bits() {
        let (m, k, n) = (101, 70, 33);
        let (a, b) = (random(m * k, 4), random(k * n, 5));
        let mut serial = vec![0.0; m * n];
        multiply_add(Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut serial);
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut c = vec![0.0; m * n];
            pool.install(|| {
                multiply_add_parallel(
                    Matrix::row_major(&a, m, k),
                    Matrix::row_major(&b, k, n),
                    &mut c,
                )
            });
            assert_eq!(serial, c);
        }
    }
}
