//! What must hold between a layer and what comes in, as types.

use dfdx::shapes::{Const, ConstDim};

/// As many maps or features as the layer takes: `Const<N>` fits `N`.
#[diagnostic::on_unimplemented(
    message = "this layer takes {EXPECTED} maps or features, but what comes in has `{Self}` of them",
    label = "expected {EXPECTED}, got `{Self}`",
    note = "change: give the layer as many inputs as the layer before it has outputs"
)]
pub trait Fits<const EXPECTED: usize> {}

impl<const N: usize> Fits<N> for Const<N> {}

/// What a window of side `SIDE`, moved by `STRIDE` pixels over a map with `PADDING` zeros on each
/// edge, makes of the map's side: `(side + 2 PADDING - SIDE) / STRIDE + 1`.
///
/// It is a table: sides of 1 to 64 pixels where the window fits, with `(SIDE, STRIDE, PADDING)` one
/// of the triples in this file's list.
#[diagnostic::on_unimplemented(
    message = "a window of side {SIDE}, stride {STRIDE} and padding {PADDING} does not fit into a map whose side is `{Self}`",
    label = "does not fit into the maps that come in here",
    note = "expected: a map of at least {SIDE} pixels with its padding, of at most 64, and a window in momentum_vision's table",
    note = "change: use a smaller kernel or window, add padding, or pool less before this layer"
)]
pub trait Window<const SIDE: usize, const STRIDE: usize, const PADDING: usize> {
    /// The side of the maps that come out.
    type Out: ConstDim;
}

/// The table's rows for one window and the sides into which it fits.
macro_rules! windows {
    ($side:literal, $stride:literal, $padding:literal: $($map:literal)*) => {
        $(impl Window<$side, $stride, $padding> for Const<$map> {
            type Out = Const<{ ($map + 2 * $padding - $side) / $stride + 1 }>;
        })*
    };
}

/// The sides from 7 on; smaller ones stand with each window.
macro_rules! window {
    ($side:literal, $stride:literal, $padding:literal: $($small:literal)*) => {
        windows!($side, $stride, $padding: $($small)*
            7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36
            37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
    };
}

window!(1, 1, 0: 1 2 3 4 5 6);
window!(1, 2, 0: 1 2 3 4 5 6);
window!(2, 1, 0: 2 3 4 5 6);
window!(2, 2, 0: 2 3 4 5 6);
window!(3, 1, 0: 3 4 5 6);
window!(3, 1, 1: 1 2 3 4 5 6);
window!(3, 2, 0: 3 4 5 6);
window!(3, 2, 1: 1 2 3 4 5 6);
window!(3, 3, 0: 3 4 5 6);
window!(4, 4, 0: 4 5 6);
window!(5, 1, 0: 5 6);
window!(5, 1, 2: 1 2 3 4 5 6);
window!(5, 2, 2: 1 2 3 4 5 6);
window!(7, 1, 3: 1 2 3 4 5 6);
window!(7, 2, 3: 1 2 3 4 5 6);
window!(7, 7, 0:);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Conv2dConfig;

    fn check<const SIDE: usize, const STRIDE: usize, const PADDING: usize, M>()
    where
        M: Window<SIDE, STRIDE, PADDING> + ConstDim,
    {
        let config =
            Conv2dConfig { stride: STRIDE, padding: PADDING, ..Conv2dConfig::new(1, 1, SIDE) };
        assert_eq!(config.output_len(M::SIZE), Some(M::Out::SIZE), "{config:?} on {}", M::SIZE);
    }

    #[test]
    fn the_table_agrees_with_the_convolution() {
        check::<3, 1, 0, Const<28>>();
        check::<3, 1, 1, Const<28>>();
        check::<3, 2, 1, Const<27>>();
        check::<5, 1, 2, Const<1>>();
        check::<2, 2, 0, Const<13>>();
        check::<7, 2, 3, Const<64>>();
        check::<7, 7, 0, Const<7>>();
    }
}
