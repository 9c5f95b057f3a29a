//! `momentum post`: a day as a social post.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Result};
use momentum_journal::{Platform, PostError, Series};

use crate::report;

/// Write a day as a social post, with the pictures to attach, within the platform's limits.
///
/// The text goes to standard output and, with the pictures and their alternative texts, to a
/// folder. Nothing is sent anywhere.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum post 2 --for mastodon")]
pub(crate) struct Arguments {
    /// The day's number
    day: u32,
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Where it is going to be posted
    #[arg(long = "for", value_name = "PLATFORM", default_value = "linkedin")]
    platform: Name,
    /// Where text and pictures go [default: _post/day-NN-PLATFORM in FOLDER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    Linkedin,
    X,
    Mastodon,
    Markdown,
    Text,
}

impl Name {
    fn platform(self) -> Platform {
        match self {
            Name::Linkedin => Platform::LinkedIn,
            Name::X => Platform::X,
            Name::Mastodon => Platform::Mastodon,
            Name::Markdown => Platform::Markdown,
            Name::Text => Platform::Text,
        }
    }
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let series = Series::open(&arguments.folder).map_err(report::journal)?;
    let platform = arguments.platform.platform();
    let post = match series.post(arguments.day, platform) {
        Ok(post) => post,
        Err(PostError::Journal(error)) => return Err(report::journal(error)),
        error => error.into_diagnostic()?,
    };
    let folder = arguments.out.clone().unwrap_or_else(|| {
        arguments.folder.join("_post").join(format!("day-{:02}-{platform}", post.day))
    });
    let written = post.write(&folder).map_err(report::journal)?;
    for (n, part) in post.parts.iter().enumerate() {
        if post.parts.len() > 1 {
            println!("--- {} of {}", n + 1, post.parts.len());
        }
        println!("{}\n", part.text.trim_end());
        let limit = platform.limit().map_or(String::new(), |limit| format!(" of {limit}"));
        eprintln!("  {}{limit} characters, as {platform} counts", part.length);
        for picture in &part.pictures {
            eprintln!("  attach {}: {}", picture.name, picture.alt);
        }
    }
    for note in &post.notes {
        eprintln!("  note: {note}");
    }
    eprintln!("Wrote {} files to {}", written.len(), folder.display());
    Ok(())
}
