//! What rust-analyzer sees of the variables that a cell leaves.
//!
//! evcxr asks rust-analyzer about every cell that defines a variable. In the text that it hands over
//! each variable of the session goes into a call of a generic function, `evcxr_variable_store`, and
//! rust-analyzer wonders at each call again about all calls before it: a time that grows by the
//! square of the number of variables, 0.3 s at two hundred. A function of the same name that stands
//! before it and is not generic takes its place. The compiler never sees it.

/// The item that evcxr is given with the first cell.
pub(crate) const KEEPER: &str = "unsafe extern \"C\" { safe fn evcxr_variable_store(_: ()); }";

/// The source as the compiler shall see it.
pub(in super::super) fn without_keeper(source: &str) -> String {
    source.replacen(KEEPER, "", 1)
}
