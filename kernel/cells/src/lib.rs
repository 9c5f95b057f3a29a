//! What is in scope in every notebook cell.
//!
//! Each cell starts with `use momentum_cells::prelude::*;`, without anyone writing it:
//! [`memory`] (agents with editable memory), [`vision`] (convolutional networks), and [`show`].
//!
//! ```
//! use momentum_cells::prelude::*;
//! show("97.3 %"); // a text as it is, without quotes
//! ```

mod bundle;
mod channel;
mod hooks;
mod last;
mod rich;

pub use momentum_memory as memory;
pub use momentum_vision as vision;

pub use bundle::{Bundle, Show, escape};
pub use channel::{clear_output, input, password, show, show_as, update};
pub use hooks::{momentum_finish, momentum_start};
pub use last::LastExpression;

/// The names that every cell has.
pub mod prelude {
    pub use momentum_memory::prelude::*;
    pub use momentum_vision::prelude::*;

    pub use crate::{
        Bundle, LastExpression, Show, clear_output, escape, input, memory, password, show, show_as,
        update, vision,
    };
}
