//! Matrix product with one fixed order of summation.
//!
//! Every element of `C += A · B` is summed over the shared index in ascending order, one fused
//! multiply-add at a time, starting from the value that `C` held. Blocking, vector width and number
//! of threads only change *which elements* are worked on together, never the order within one
//! element, so the bits are the same on every machine. Libraries that pick their blocking from the
//! size of the caches do not promise that.
//!
//! The structure (panels of `B` packed for a register tile) is that of Goto and van de Geijn,
//! "Anatomy of High-Performance Matrix Multiplication", 2008. `A` is read where it lies.

mod packed;

use std::cell::RefCell;

use rayon::prelude::*;

use crate::simd::{self, Kernel, LANES, Lanes, accumulate};
use crate::threads;

pub use crate::simd::Instructions;
pub(crate) use packed::PackedLinear;

/// Rows of the register tile.
const TILE_ROWS: usize = 6;
/// Columns of the register tile, and of a panel of `B`.
pub(crate) const PANEL: usize = 2 * LANES;
/// Length of the shared index worked on at a time, so that a panel of `B` stays in cache.
const DEPTH_BLOCK: usize = 256;
/// Columns of `B` packed at a time.
const COLUMN_BLOCK: usize = 4 * PANEL;
/// Multiplications below which sharing out costs more than it saves.
const SERIAL_WORK: usize = 1 << 18;

thread_local! {
    static PANELS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
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
        let data = self.data.get(from * self.row_stride..).unwrap_or(&[]);
        Matrix { data, rows: count, ..self }
    }

    /// Columns `from..from + count`.
    fn columns_from(self, from: usize, count: usize) -> Self {
        self.transposed().rows_from(from, count).transposed()
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
    assert_eq!(c.len(), a.rows * b.columns, "the product");
    if c.is_empty() {
        return;
    }
    let mut rows: Vec<&mut [f32]> = c.chunks_exact_mut(b.columns).collect();
    product(instructions, a, b, Start::Held, &mut rows);
}

/// `C += A · B`, with `C` shared out to the threads of the current rayon pool.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn multiply_add_parallel(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    multiply_parallel(a, b, Start::Held, c);
}

/// What an element of the product is summed up from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// What it held.
    Held,
    /// Zero, whatever it held.
    Zero,
}

/// [`multiply_add_parallel`] with a choice of the start.
pub(crate) fn multiply_parallel(a: Matrix<'_>, b: Matrix<'_>, start: Start, c: &mut [f32]) {
    assert_eq!(c.len(), a.rows * b.columns, "the product");
    if c.is_empty() {
        return;
    }
    let instructions = Instructions::detected();
    threads::install(|| {
        let tasks = match a.rows * a.columns * b.columns < SERIAL_WORK {
            true => 1,
            false => 2 * rayon::current_num_threads(),
        };
        if b.columns >= 2 * COLUMN_BLOCK {
            let width = b.columns.div_ceil(tasks).next_multiple_of(COLUMN_BLOCK);
            columns_of(c, b.columns, width).into_par_iter().enumerate().for_each(
                |(i, mut rows)| {
                    let b = b.columns_from(i * width, rows[0].len());
                    product(instructions, a, b, start, &mut rows);
                },
            );
        } else {
            let height = a.rows.div_ceil(tasks.div_ceil(2)).next_multiple_of(TILE_ROWS);
            c.par_chunks_mut(height * b.columns).enumerate().for_each(|(i, c)| {
                let mut rows: Vec<&mut [f32]> = c.chunks_exact_mut(b.columns).collect();
                product(instructions, a.rows_from(i * height, rows.len()), b, start, &mut rows);
            });
        }
    });
}

/// Cuts a row-major matrix into blocks of `width` columns, each as its rows.
fn columns_of(c: &mut [f32], columns: usize, width: usize) -> Vec<Vec<&mut [f32]>> {
    let mut blocks: Vec<Vec<&mut [f32]>> = Vec::new();
    blocks.resize_with(columns.div_ceil(width), Vec::new);
    for row in c.chunks_exact_mut(columns) {
        for (block, part) in blocks.iter_mut().zip(row.chunks_mut(width)) {
            block.push(part);
        }
    }
    blocks
}

/// `C (+)= A · B` on the calling thread, `C` given as its rows.
///
/// # Panics
/// If the shapes do not fit each other.
fn product(
    instructions: Instructions,
    a: Matrix<'_>,
    b: Matrix<'_>,
    start: Start,
    c: &mut [&mut [f32]],
) {
    assert_eq!(a.columns, b.rows, "the shared index");
    assert_eq!(c.len(), a.rows, "the product's rows");
    if start == Start::Zero && a.columns == 0 {
        return c.iter_mut().for_each(|row| row.fill(0.0));
    }
    PANELS.with_borrow_mut(|panels| {
        simd::run_with(instructions, Product { a, b, start, c, panels });
    });
}

struct Product<'a, 'b, 'c> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    start: Start,
    c: &'b mut [&'c mut [f32]],
    panels: &'b mut Vec<f32>,
}

impl Kernel for Product<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Product { a, b, start, c, panels } = self;
        for from in (0..a.columns).step_by(DEPTH_BLOCK) {
            let depth = DEPTH_BLOCK.min(a.columns - from);
            let held = start == Start::Held || from > 0;
            for column in (0..b.columns).step_by(COLUMN_BLOCK) {
                let columns = COLUMN_BLOCK.min(b.columns - column);
                pack(panels, b, from, depth, column, columns);
                let x = &a.data[from * a.column_stride..];
                for row in (0..a.rows).step_by(TILE_ROWS) {
                    let count = TILE_ROWS.min(a.rows - row);
                    let c = &mut c[row..row + count];
                    // A tile at the lower edge works its last row out several times.
                    let mut rows = [0; TILE_ROWS];
                    for (i, at) in rows.iter_mut().enumerate() {
                        *at = (row + i.min(count - 1)) * a.row_stride;
                    }
                    for (j, panel) in panels.chunks_exact(depth * PANEL).enumerate() {
                        let at = column + j * PANEL;
                        let width = PANEL.min(columns - j * PANEL);
                        let mut sums = [[lanes.splat(0.0); 2]; TILE_ROWS];
                        if held {
                            load(lanes, c, at, width, &mut sums);
                        }
                        accumulate(
                            lanes,
                            x,
                            &rows,
                            a.column_stride,
                            panel,
                            PANEL,
                            depth,
                            &mut sums,
                        );
                        for (c, sums) in c.iter_mut().zip(&sums) {
                            store(lanes, sums, c, at, width);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn load<L: Lanes>(
    lanes: L,
    c: &[&mut [f32]],
    at: usize,
    width: usize,
    sums: &mut [[L::Vector; 2]; TILE_ROWS],
) {
    for (c, sums) in c.iter().zip(sums) {
        if width == PANEL {
            *sums = [lanes.load_at(c, at), lanes.load_at(c, at + LANES)];
        } else {
            let mut all = [0.0; PANEL];
            all[..width].copy_from_slice(&c[at..at + width]);
            *sums = [lanes.load_at(&all, 0), lanes.load_at(&all, LANES)];
        }
    }
}

/// Writes the first `width` of two vectors of sums.
#[inline(always)]
fn store<L: Lanes>(lanes: L, sums: &[L::Vector; 2], c: &mut [f32], at: usize, width: usize) {
    lanes.store_at(sums[0], c, at, width.min(LANES));
    if width > LANES {
        lanes.store_at(sums[1], c, at + LANES, width - LANES);
    }
}

/// Copies `columns` columns of a block of rows of `b` into panels, each ordered by rows first. The
/// last panel is filled up with zeros.
#[inline(always)]
fn pack(
    panels: &mut Vec<f32>,
    b: Matrix<'_>,
    from: usize,
    depth: usize,
    column: usize,
    columns: usize,
) {
    panels.resize(columns.div_ceil(PANEL) * PANEL * depth, 0.0);
    for (j, panel) in panels.chunks_exact_mut(PANEL * depth).enumerate() {
        let width = PANEL.min(columns - j * PANEL);
        let start = from * b.row_stride + (column + j * PANEL) * b.column_stride;
        let data = &b.data[start..];
        for (k, out) in panel.chunks_exact_mut(PANEL).enumerate() {
            let at = k * b.row_stride;
            if width == PANEL && b.column_stride == 1 {
                out.copy_from_slice(&data[at..at + PANEL]);
            } else if width == PANEL {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = data[at + i * b.column_stride];
                }
            } else {
                out.fill(0.0);
                for (i, out) in out[..width].iter_mut().enumerate() {
                    *out = data[at + i * b.column_stride];
                }
            }
        }
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
