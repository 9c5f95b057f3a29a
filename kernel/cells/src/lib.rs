//! What is in scope in every notebook cell.
//!
//! Each cell starts with `use momentum_cells::prelude::*;`, without anyone writing it:
//! [`memory`] (agents with editable memory), [`vision`] (convolutional networks), and [`show`].
//!
//! ```
//! use momentum_cells::prelude::*;
//! show("97.3 %"); // a text as it is, without quotes
//! ```

mod arguments;
pub mod asynchronous;
mod bundle;
mod channel;
pub mod comm;
mod display;
mod hooks;
mod interrupt;
mod last;
mod pipe;
mod plot;
#[doc(hidden)]
pub mod precompiled;
mod progress;
mod rich;
mod training;
#[doc(hidden)]
pub mod variables;

pub use momentum_memory as memory;
pub use momentum_vision as vision;

// Under their own names as well: so the compiler calls types of theirs that a variable may have.
#[doc(hidden)]
pub use {momentum_memory, momentum_vision, schemars, serde};

pub use bundle::{Bundle, Show, escape};
pub use channel::{clear_output, input, password, show, show_as, update};
pub use display::{html, image, latex, markdown, png, svg, table, vega_lite};
pub use hooks::{momentum_comm, momentum_finish, momentum_start};
pub use last::LastExpression;
pub use plot::*;
pub use progress::{ProgressBar, ProgressIter, progress};
pub use serde_json;
pub use training::{download, fit_live};

/// The names that every cell has.
pub mod prelude {
    pub use crate::LastExpression;
    pub use crate::names::*;
}

/// The same but for the trait that shows last expressions: for cells with another crate's trait that
/// does.
#[doc(hidden)]
pub mod names {
    pub use momentum_memory::prelude::*;
    pub use momentum_vision::prelude::*;

    pub use crate::plot::*;
    pub use crate::{
        Bundle, ProgressBar, Show, clear_output, comm, download, escape, fit_live, html, image,
        input, latex, markdown, memory, password, png, progress, serde_json, show, show_as, svg,
        table, tool_arguments, update, vega_lite, vision,
    };
}
