//! What strangers' outputs and markdown may show: nothing that acts, nothing that fetches.

pub(crate) mod html;
pub(crate) mod svg;
