//! A bar that says how far a loop is.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bundle::{Bundle, escape};
use crate::channel::{listens, show, show_as, update};

/// A bar that says how far something is: live in a notebook, a line of text elsewhere.
///
/// It is shown again when the percentage changes, never by the clock, so that two runs write the
/// same notebook.
#[derive(Debug)]
pub struct ProgressBar {
    id: String,
    label: String,
    done: usize,
    of: usize,
    shown: Option<usize>,
}

impl ProgressBar {
    /// A bar at nothing of so many.
    pub fn new(label: &str, of: usize) -> ProgressBar {
        static BARS: AtomicU64 = AtomicU64::new(0);
        let number = BARS.fetch_add(1, Ordering::Relaxed);
        let mut bar = ProgressBar {
            id: format!("momentum-progress-{number}"),
            label: label.to_owned(),
            done: 0,
            of,
            shown: None,
        };
        bar.refresh();
        bar
    }

    /// So many more are done.
    pub fn advance(&mut self, by: usize) {
        self.set(self.done.saturating_add(by));
    }

    /// So many are done in all.
    pub fn set(&mut self, done: usize) {
        self.done = done.min(self.of);
        self.refresh();
    }

    fn percent(&self) -> usize {
        if self.of == 0 { 100 } else { (self.done as u128 * 100 / self.of as u128) as usize }
    }

    fn refresh(&mut self) {
        let percent = self.percent();
        if self.shown == Some(percent) {
            return;
        }
        match (listens(), self.shown) {
            (true, None) => show_as(&self.id, self.bundle()),
            (true, Some(_)) => update(&self.id, self.bundle()),
            // Nothing there replaces what was shown: it is said once, at the end.
            (false, _) if percent == 100 => show(self.bundle()),
            (false, _) => {}
        }
        self.shown = Some(percent);
    }

    fn bundle(&self) -> Bundle {
        const WIDTH: usize = 20;
        let (percent, label) = (self.percent(), &self.label);
        let filled = percent * WIDTH / 100;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(WIDTH - filled));
        let count = format!("{} of {}", self.done, self.of);
        let (done, of) = (self.done, self.of.max(1));
        let label_html = escape(label);
        Bundle::text(format!("{label} [{bar}] {percent} %, {count}")).html(format!(
            "<label>{label_html} <progress max=\"{of}\" value=\"{done}\">{percent} %</progress></label> {count}"
        ))
    }
}

/// Goes through something with a bar that says how far it is.
///
/// ```
/// let mut sum = 0;
/// for n in momentum_cells::progress("adding", 1..=4_u32) {
///     sum += n;
/// }
/// assert_eq!(sum, 10);
/// ```
pub fn progress<I: IntoIterator>(label: &str, items: I) -> ProgressIter<I::IntoIter> {
    let items = items.into_iter();
    let (least, most) = items.size_hint();
    ProgressIter { bar: ProgressBar::new(label, most.unwrap_or(least)), items, given: false }
}

/// What [`progress`] gives: the items, and a bar that follows.
#[derive(Debug)]
pub struct ProgressIter<I> {
    bar: ProgressBar,
    items: I,
    /// Whether an item was given that is not yet done.
    given: bool,
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        // An item counts as done when the next one is asked for.
        if std::mem::replace(&mut self.given, true) {
            self.bar.advance(1);
        }
        let item = self.items.next();
        self.given = item.is_some();
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_a_text_and_a_label() {
        let mut bar = ProgressBar::new("a < b", 8);
        bar.advance(2);
        let bundle = bar.bundle();
        assert_eq!(bundle.data["text/plain"], "a < b [#####...............] 25 %, 2 of 8");
        assert_eq!(
            bundle.data["text/html"],
            "<label>a &lt; b <progress max=\"8\" value=\"2\">25 %</progress></label> 2 of 8"
        );
        bar.set(100);
        assert_eq!(bar.percent(), 100);
    }

    #[test]
    fn nothing_to_do_is_done() {
        assert_eq!(ProgressBar::new("none", 0).percent(), 100);
        assert_eq!(progress("none", [0_u8; 0]).count(), 0);
    }

    #[test]
    fn an_item_is_done_when_the_next_is_asked_for() {
        let mut items = progress("three", 0..3);
        items.next();
        assert_eq!(items.bar.done, 0);
        items.next();
        assert_eq!(items.bar.done, 1);
        assert_eq!(items.by_ref().count(), 1);
        assert_eq!(items.bar.done, 3);
    }
}
