//! What a cell's last expression shows.

use std::any::Any;
use std::fmt::Debug;

use crate::bundle::Bundle;
use crate::channel::send_result;
use crate::rich::rich;

/// Shows the last expression of a cell.
///
/// evcxr appends `.evcxr_display()` to it. For a type that has no such method of its own, this
/// trait has one, so that a cell compiles once, and nothing of the formatting is left for it to
/// compile: rich types show their richest form, `()` shows nothing, all others their `Debug` text.
///
/// To show a type of your own richly, give it an inherent method:
///
/// ```
/// use momentum_cells::prelude::*;
///
/// #[derive(Debug)]
/// struct Celsius(f32);
/// impl Celsius {
///     fn evcxr_display(&self) {
///         show(format!("{:.1} °C", self.0));
///     }
/// }
/// Celsius(21.5).evcxr_display();
/// ```
pub trait LastExpression {
    /// Shows the value as the result of the cell.
    fn evcxr_display(&self);
}

impl<T: Debug + 'static> LastExpression for T {
    // Never inlined: for many types it is compiled already (`crate::precompiled`), and a cell need
    // not even look through all types that have a `Debug` form.
    #[inline(never)]
    fn evcxr_display(&self) {
        show_last(self, self);
    }
}

/// Concrete, so that a cell has nothing to generate for it.
#[inline(never)]
fn show_last(value: &dyn Any, debug: &dyn Debug) {
    if value.is::<()>() {
        return;
    }
    send_result(&rich(value).unwrap_or_else(|| Bundle::text(format!("{debug:?}"))));
}
