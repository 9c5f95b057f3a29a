//! The transforms of Winograd's F(4 x 4, 3 x 3) and their transposes.

use super::{POINTS, SIDE, STEP};
use crate::simd::Lanes;

/// `G g G'` of one kernel.
pub(super) fn kernel_points(g: &[f32]) -> [f32; POINTS] {
    let line = |[x, y, z]: [f32; 3]| {
        let (even, odd) = (x + z, x / 24.0 + z / 6.0);
        let (sixth, twelfth) = ((even + y) / -6.0, y / 12.0);
        [x / 4.0, sixth, (even - y) / -6.0, odd + twelfth, odd - twelfth, z]
    };
    let mut columns = [[0.0; 3]; SIDE];
    for j in 0..3 {
        for (i, value) in line([g[j], g[3 + j], g[6 + j]]).into_iter().enumerate() {
            columns[i][j] = value;
        }
    }
    let mut points = [0.0; POINTS];
    for (points, column) in points.chunks_exact_mut(SIDE).zip(columns) {
        points.copy_from_slice(&line(column));
    }
    points
}

/// `G' u G`: the transpose of [`kernel_points`].
pub(super) fn point_kernel(u: [f32; POINTS]) -> [f32; 9] {
    let line = |u: [f32; SIDE]| {
        let (near, far) = (u[1] + u[2], u[3] + u[4]);
        [
            u[0] / 4.0 - near / 6.0 + far / 24.0,
            (u[2] - u[1]) / 6.0 + (u[3] - u[4]) / 12.0,
            far / 6.0 - near / 6.0 + u[5],
        ]
    };
    let mut rows = [[0.0; SIDE]; 3];
    for j in 0..SIDE {
        for (i, value) in line(std::array::from_fn(|k| u[k * SIDE + j])).into_iter().enumerate() {
            rows[i][j] = value;
        }
    }
    let mut kernel = [0.0; 9];
    for (kernel, row) in kernel.chunks_exact_mut(3).zip(rows) {
        kernel.copy_from_slice(&line(row));
    }
    kernel
}

/// `B' d` for one column of a tile.
#[inline(always)]
pub(super) fn b_transposed<L: Lanes>(l: L, d: [L::Vector; SIDE]) -> [L::Vector; SIDE] {
    let (two, four, five) = (l.splat(2.0), l.splat(4.0), l.splat(-5.0));
    let (minus_two, minus_four) = (l.splat(-2.0), l.splat(-4.0));
    let (a, b) = (l.mul_add(minus_four, d[2], d[4]), l.mul_add(minus_four, d[1], d[3]));
    let (c, e) = (l.sub(d[4], d[2]), l.sub(d[3], d[1]));
    [
        l.mul_add(four, d[0], l.mul_add(five, d[2], d[4])),
        l.add(a, b),
        l.sub(a, b),
        l.mul_add(two, e, c),
        l.mul_add(minus_two, e, c),
        l.mul_add(four, d[1], l.mul_add(five, d[3], d[5])),
    ]
}

/// `B v`: the transpose of [`b_transposed`].
#[inline(always)]
pub(super) fn b_plain<L: Lanes>(l: L, v: [L::Vector; SIDE]) -> [L::Vector; SIDE] {
    let (two, four, minus_five) = (l.splat(2.0), l.splat(4.0), l.splat(-5.0));
    let minus_four = l.splat(-4.0);
    let (s12, m12) = (l.add(v[1], v[2]), l.sub(v[1], v[2]));
    let (s34, m34) = (l.add(v[3], v[4]), l.sub(v[3], v[4]));
    let inner = l.mul_add(two, m12, m34);
    [
        l.mul(four, v[0]),
        l.mul_add(l.splat(-2.0), inner, l.mul(four, v[5])),
        l.mul_add(minus_five, v[0], l.sub(l.mul(minus_four, s12), s34)),
        l.mul_add(minus_five, v[5], l.mul_add(two, m34, m12)),
        l.add(v[0], l.add(s12, s34)),
        v[5],
    ]
}

/// `A' m` for one column of a tile.
#[inline(always)]
pub(super) fn a_transposed<L: Lanes>(l: L, m: [L::Vector; SIDE]) -> [L::Vector; STEP] {
    let (s12, m12) = (l.add(m[1], m[2]), l.sub(m[1], m[2]));
    let (s34, m34) = (l.add(m[3], m[4]), l.sub(m[3], m[4]));
    [
        l.add(m[0], l.add(s12, s34)),
        l.mul_add(l.splat(2.0), m34, m12),
        l.mul_add(l.splat(4.0), s34, s12),
        l.add(l.mul_add(l.splat(8.0), m34, m12), m[5]),
    ]
}

/// `A y`: the transpose of [`a_transposed`].
#[inline(always)]
pub(super) fn a_plain<L: Lanes>(l: L, y: [L::Vector; STEP]) -> [L::Vector; SIDE] {
    let (even, odd) = (l.add(y[0], y[2]), l.add(y[1], y[3]));
    let far_even = l.mul_add(l.splat(4.0), y[2], y[0]);
    let far_odd = l.mul_add(l.splat(8.0), y[3], l.mul(l.splat(2.0), y[1]));
    [
        y[0],
        l.add(even, odd),
        l.sub(even, odd),
        l.add(far_even, far_odd),
        l.sub(far_even, far_odd),
        y[3],
    ]
}
