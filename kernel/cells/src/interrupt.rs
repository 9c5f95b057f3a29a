//! Interrupts while a cell trains: the training ends and what was learnt is kept. At all other times an
//! interrupt ends the process, and the session goes back to what it was before the cell.

use std::io;

use momentum_vision::prelude::Interrupt;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// Takes interrupts from here on. If the system does not let it, they end the process as always.
pub(crate) fn watch() {
    let interrupt = Interrupt::of_process();
    let both = || -> io::Result<()> {
        // In this order: what ends the process comes first.
        flag::register_conditional_default(SIGINT, interrupt.idle())?;
        flag::register(SIGINT, interrupt.flag())?;
        Ok(())
    };
    let _ = both();
}
