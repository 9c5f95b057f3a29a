//! Exercises in notebooks: one source gives the learner's notebook and the solved one, and grades
//! what learners hand in.
//!
//! A source is a notebook in `solutions/`. Its exercise cells hold solution and hole:
//!
//! ```text
//! //| exercise: map-side
//! //| hint: How often does a kernel of 3 pixels fit along 4 pixels?
//! fn map_side(input: usize, kernel: usize) -> usize {
//!     //| solution
//!     input - kernel + 1
//!     //| hole
//!     todo!("how often does the kernel fit?")
//!     //| end
//! }
//! ```
//!
//! and a later cell checks it:
//!
//! ```text
//! //| check: map-side
//! assert_eq!(map_side(28, 3), 26, "a kernel of 3 pixels fits 26 times along 28 pixels");
//! ```
//!
//! [`Source::learners`] is what a learner gets: holes for solutions, hints folded. [`Source::solved`]
//! keeps the solutions. [`Submission`] brings a learner's cells and the source's checks together
//! and grades them in a session of the kernel. [`Progress`] keeps what a learner has done.
//!
//! What it is not: a kernel. It runs cells by [`momentum_kernel::output::Interpreter`], whatever
//! that is, and knows nothing of what they compute.

mod catalogue;
mod exercise;
mod grade;
mod learner;
mod progress;
mod report;
mod review;
mod source;
mod submission;

pub use catalogue::{Catalogue, NameError};
pub use exercise::{Exercise, ExerciseError};
pub use grade::{Grade, Outcome};
pub use learner::{LearnerError, LearnerFolder, Started};
pub use progress::{LessonProgress, Progress, ProgressError, Record, write_whole};
pub use report::{ClassReport, Student};
pub use review::{Recall, Schedule, anki_text};
pub use source::{Source, SourceError};
pub use submission::Submission;
