//! A training's progress as plain text.

use super::{Monitor, Progress};
use std::io::{self, Write};
use std::time::Instant;

/// How often the bar is drawn again, in milliseconds.
const INTERVAL: u128 = 100;
/// Characters of the bar.
const WIDTH: usize = 24;

/// A progress bar for a terminal: one line that is drawn again and again, and one that stays for each
/// epoch. Where the output is no terminal (a file, a pipe), only the lines that stay are written.
///
/// ```
/// use momentum_vision::{data::fashion_mnist, network::Mlp, training::{FitConfig, TerminalBar}};
///
/// let data = fashion_mnist()?;
/// let config = FitConfig { epochs: 1, seed: 0, ..FitConfig::default() };
/// let mut bar = TerminalBar::new(Vec::new(), false);
/// let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
/// network.fit_with(&data.train.first(200), &data.test.first(50), &config, &mut |progress| {
///     bar.observe(&progress);
/// })?;
/// assert!(String::from_utf8(bar.finish()?)?.starts_with("MLP, epoch 1 of 1: loss "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TerminalBar<W: Write> {
    out: W,
    is_terminal: bool,
    monitor: Monitor,
    start: Instant,
    drawn: Option<Instant>,
    error: Option<io::Error>,
}

impl TerminalBar<io::Stderr> {
    /// Writes to standard error, and finds out whether that is a terminal.
    pub fn stderr() -> Self {
        let out = io::stderr();
        let is_terminal = io::IsTerminal::is_terminal(&out);
        TerminalBar::new(out, is_terminal)
    }
}

impl<W: Write> TerminalBar<W> {
    /// Writes anywhere.
    pub fn new(out: W, is_terminal: bool) -> Self {
        let (monitor, start) = (Monitor::default(), Instant::now());
        TerminalBar { out, is_terminal, monitor, start, drawn: None, error: None }
    }

    /// Takes in what has happened, and draws.
    pub fn observe(&mut self, progress: &Progress) {
        self.monitor.observe(progress, self.start.elapsed());
        let written = match progress {
            Progress::Begin { .. } => Ok(()),
            Progress::Epoch(_) => self.write_epoch(),
            Progress::Step { .. } => self.draw(),
        };
        if let Err(error) = written {
            self.error.get_or_insert(error);
        }
    }

    /// Takes the bar away and gives back what was written to.
    ///
    /// # Errors
    /// The first error that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        if self.drawn.is_some() {
            self.out.write_all(b"\r\x1b[K")?;
            self.out.flush()?;
        }
        self.error.map_or(Ok(self.out), Err)
    }

    fn write_epoch(&mut self) -> io::Result<()> {
        let Some(epoch) = self.monitor.epochs().last() else { return Ok(()) };
        if self.drawn.take().is_some() {
            self.out.write_all(b"\r\x1b[K")?;
        }
        writeln!(
            self.out,
            "{}, epoch {} of {}: loss {:.3}, accuracy {}; validation {:.3}, {}",
            self.monitor.network(),
            epoch.epoch,
            self.monitor.n_epochs(),
            epoch.train_loss,
            crate::table::percent(epoch.train_accuracy),
            epoch.validation_loss,
            crate::table::percent(epoch.validation_accuracy),
        )?;
        self.out.flush()
    }

    fn draw(&mut self) -> io::Result<()> {
        let is_early = self.drawn.is_some_and(|drawn| drawn.elapsed().as_millis() < INTERVAL);
        if !self.is_terminal || is_early {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let filled = (self.monitor.share() * WIDTH as f64) as usize;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(WIDTH - filled));
        write!(self.out, "\r[{bar}] {}\x1b[K", self.monitor.line())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Epoch;

    fn written(is_terminal: bool) -> String {
        let mut bar = TerminalBar::new(Vec::new(), is_terminal);
        let network = "CNN".into();
        let done = Vec::new();
        bar.observe(&Progress::Begin { network, n_epochs: 2, n_steps: 1, n_images: 10, done });
        for epoch in 1..=2 {
            let (loss, learning_rate) = (0.7, 1e-3);
            let (step, n_steps, n_correct, n_images) = (1, 1, 5, 10);
            bar.observe(&Progress::Step {
                epoch,
                step,
                n_steps,
                loss,
                n_correct,
                n_images,
                learning_rate,
            });
            bar.observe(&Progress::Epoch(Epoch {
                epoch,
                train_loss: 0.7,
                train_accuracy: 0.5,
                validation_loss: 0.6,
                validation_accuracy: 0.55,
            }));
        }
        String::from_utf8(bar.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_file_gets_a_line_for_each_epoch() {
        insta::assert_snapshot!(written(false), @r"
        CNN, epoch 1 of 2: loss 0.700, accuracy 50.0 %; validation 0.600, 55.0 %
        CNN, epoch 2 of 2: loss 0.700, accuracy 50.0 %; validation 0.600, 55.0 %
        ");
    }

    #[test]
    fn a_terminal_gets_a_bar_that_leaves_nothing_behind() {
        let text = written(true);
        assert!(
            text.starts_with("\r[############............] epoch 1 of 2, loss 0.700"),
            "{text:?}"
        );
        assert_eq!(text.matches('\r').count(), text.matches("\x1b[K").count());
        assert!(text.ends_with("55.0 %\n"), "{text:?}");
    }
}
