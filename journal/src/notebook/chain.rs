//! The chain: a hash of a code cell and of all code before it.
//!
//! `chain(0)` is the SHA-256 of the text `momentum-chain-1`; `chain(n)` is the SHA-256 of the hex
//! digits of `chain(n-1)`, a newline, and the source of the n-th code cell. The kernel records it
//! when it runs a cell. Computed again from the file, it tells whether the outputs still hold.

use sha2::{Digest, Sha256};

use super::{Cell, CellKind, CellState, NONDETERMINISTIC, Output};

/// The text whose hash starts every chain.
pub const CHAIN_SEED: &str = "momentum-chain-1";

/// `chain(0)`, 64 lower-case hex digits.
#[must_use]
pub fn chain_start() -> String {
    hex(&Sha256::digest(CHAIN_SEED))
}

/// The chain after a code cell with that source.
///
/// ```
/// use momentum_journal::{chain_next, chain_start};
/// let first = chain_next(&chain_start(), "let x = 1;");
/// assert_eq!(first.len(), 64);
/// assert_ne!(first, chain_next(&chain_start(), "let x = 2;"));
/// ```
#[must_use]
pub fn chain_next(previous: &str, source: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update("\n");
    hash.update(source);
    hex(&hash.finalize())
}

/// Writes the chain and the state of each cell. `recorded` tells whether the notebook carries the
/// record of a run at all.
pub(crate) fn judge(cells: &mut [Cell], recorded: bool) {
    let mut chain = chain_start();
    for cell in cells.iter_mut().filter(|cell| cell.kind == CellKind::Code) {
        chain = chain_next(&chain, &cell.source);
        cell.state = match &cell.recorded_chain {
            Some(old) if *old != chain => CellState::StaleCode,
            Some(_) if failed(cell) => CellState::Failed,
            Some(_) if cell.tags.iter().any(|tag| tag == NONDETERMINISTIC) => {
                CellState::Nondeterministic
            }
            Some(_) => CellState::Fresh,
            None if recorded || (cell.outputs.is_empty() && cell.execution_count.is_none()) => {
                CellState::NeverRun
            }
            None if failed(cell) => CellState::Failed,
            None => CellState::Unrecorded,
        };
        cell.reason = cell.state.reason().to_owned();
        cell.chain.clone_from(&chain);
    }
}

fn failed(cell: &Cell) -> bool {
    cell.outputs.iter().any(|output| matches!(output, Output::Error { .. }))
        && !cell.tags.iter().any(|tag| tag == "raises-exception")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the kernel pins too.
    #[test]
    fn the_chain_of_two_cells() {
        let start = chain_start();
        let one = chain_next(&start, "let x = 1;");
        let two = chain_next(&one, "x + 1");
        insta::assert_snapshot!(format!("{start}\n{one}\n{two}"), @"
        2f15231927f1930f16aa35e3375232cf7ee4adbd30638063dca86883710c31ad
        a7d87d1b89431d76dfec89ac2541643bc534ef3714be6206c0ead96dcd0de6c8
        cffd62e15ad7086190d1abc017028ab33d5563011a19be94d505f276a9ac927e
        ");
    }
}
