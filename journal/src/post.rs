//! A day as a social post: plain words in the series' manner, within a platform's limits, with the
//! pictures to attach.

mod length;
mod plain;
mod thread;

pub(crate) use plain::{element_len, text_of};

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Parser, Tag};

use crate::entry::Entry;
use crate::linked::{Linked, Picture, Showing, Shown};
use crate::markdown::options;
use crate::problem::{JournalError, Problem, Problems};
use crate::raster::{RasterError, draw};
use crate::series::Series;
use crate::written::replace_file;
use plain::Words;
use thread::{Part, Piece};

/// The width of a picture drawn from SVG, at most, and how many times it is enlarged.
const PICTURE_WIDTH: u32 = 2400;
const ZOOM: f32 = 2.0;

/// Where a post goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// LinkedIn: 3,000 characters, no markdown.
    LinkedIn,
    /// X: 280 weighted characters, no markdown.
    X,
    /// Mastodon: 500 characters, no markdown.
    Mastodon,
    /// Anything that reads markdown: no limit.
    Markdown,
    /// Plain text: no limit.
    Text,
}

impl Platform {
    /// All platforms.
    pub const ALL: [Platform; 5] =
        [Platform::LinkedIn, Platform::X, Platform::Mastodon, Platform::Markdown, Platform::Text];

    /// The most that one post may hold, as [`Platform::length`] counts it.
    #[must_use]
    pub fn limit(self) -> Option<usize> {
        match self {
            Platform::LinkedIn => Some(3000),
            Platform::X => Some(280),
            Platform::Mastodon => Some(500),
            Platform::Markdown | Platform::Text => None,
        }
    }

    /// The most pictures that go with one post.
    #[must_use]
    pub fn max_pictures(self) -> Option<usize> {
        match self {
            Platform::LinkedIn => Some(20),
            Platform::X | Platform::Mastodon => Some(4),
            Platform::Markdown | Platform::Text => None,
        }
    }

    /// The most characters of a picture's alternative text, where the platform says so.
    fn max_alt(self) -> Option<usize> {
        match self {
            Platform::X => Some(1000),
            Platform::Mastodon => Some(1500),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::LinkedIn => "linkedin",
            Platform::X => "x",
            Platform::Mastodon => "mastodon",
            Platform::Markdown => "markdown",
            Platform::Text => "text",
        })
    }
}

/// A post, in one part or as a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Post {
    /// Where it goes.
    pub platform: Platform,
    /// The day's number.
    pub day: u32,
    /// The parts, in order.
    pub parts: Vec<PostPart>,
    /// What its author should know before posting.
    pub notes: Vec<String>,
}

/// One part of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostPart {
    /// The text.
    pub text: String,
    /// Its length, as the platform counts it.
    pub length: usize,
    /// The pictures to attach, in order.
    pub pictures: Vec<PostPicture>,
}

/// A picture to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostPicture {
    /// The name of its file.
    pub name: String,
    /// The file: PNG, or JPEG, GIF, WebP where the notebook holds that.
    pub bytes: Vec<u8>,
    /// The text for those who do not see it.
    pub alt: String,
}

/// Why there is no post.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// No entry of that day.
    #[error("there is no day {day}; {}", known(.days))]
    NoDay {
        /// The day asked for.
        day: u32,
        /// The days there are.
        days: Vec<u32>,
    },
    /// The series has problems, or a file could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A figure could not be drawn.
    #[error("figure {number} cannot be drawn")]
    Picture {
        /// Its number in the entry.
        number: usize,
        /// Why not.
        source: RasterError,
    },
}

fn known(days: &[u32]) -> String {
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => {
            format!("the series has {} days, from {first} to {last}", days.len())
        }
        (Some(only), _) => format!("the series has day {only} only"),
        _ => "the series has no days yet: `momentum new \"Title\"` makes one".to_owned(),
    }
}

impl Series {
    /// The post of a day. Every value and picture in it is the notebooks' own.
    ///
    /// # Errors
    /// [`PostError`]: no such day, an entry or a notebook with problems, a figure that cannot be
    /// drawn.
    pub fn post(&self, day: u32, platform: Platform) -> Result<Post, PostError> {
        let linked = Linked::read(self)?;
        let Some(entry) = self.entries.iter().find(|entry| entry.front.day == day) else {
            let days = self.entries.iter().map(|entry| entry.front.day).collect();
            return Err(PostError::NoDay { day, days });
        };
        let mut collector = Collector {
            linked: &linked,
            entry,
            platform,
            pictures: Vec::new(),
            problems: Vec::new(),
            doubts: Vec::new(),
            raster: None,
        };
        let series =
            if entry.front.series.is_empty() { &self.config.title } else { &entry.front.series };
        let parts = if platform == Platform::Markdown {
            let text = markdown(entry, series, &mut collector);
            let pictures = (0..collector.pictures.len()).collect();
            vec![Part { text, pictures }]
        } else {
            let mut pieces = opening(series, day);
            pieces.extend(plain::pieces(entry.body(), &mut collector));
            thread::split(&pieces, platform)
        };
        if let Some(error) = collector.raster.take() {
            return Err(error);
        }
        if !collector.problems.is_empty() {
            return Err(JournalError::Problems(Problems(collector.problems)).into());
        }
        let mut notes = notes(platform, &parts, &collector.pictures);
        notes.splice(0..0, collector.doubts);
        let pictures = collector.pictures;
        let parts = parts.into_iter().map(|part| PostPart {
            length: platform.length(&part.text),
            pictures: part.pictures.iter().filter_map(|n| pictures.get(*n).cloned()).collect(),
            text: part.text,
        });
        Ok(Post { platform, day, parts: parts.collect(), notes })
    }
}

/// The two lines on top of every post of a series.
fn opening(series: &str, day: u32) -> Vec<Piece> {
    let of = if series.to_lowercase().ends_with("series") { "" } else { " Series" };
    let text = format!("{series} Day {day}\n| # Day {day} | {series}{of} |");
    vec![Piece { text, heading: true, ..Piece::default() }]
}

fn notes(platform: Platform, parts: &[Part], pictures: &[PostPicture]) -> Vec<String> {
    let mut notes = Vec::new();
    if platform == Platform::LinkedIn {
        let first = parts.first().map_or("", |part| part.text.as_str());
        let seen: String = first.chars().take(210).collect();
        notes.push(format!(
            "LinkedIn shows the first 140 to 210 characters before \"see more\"; up to there it says: {}",
            seen.split_whitespace().collect::<Vec<_>>().join(" ")
        ));
    }
    if parts.len() > 1 && platform == Platform::LinkedIn {
        notes.push(
            "LinkedIn has no threads: post the parts one after the other, and link them".into(),
        );
    }
    for part in parts {
        if let Some(most) = platform.max_pictures().filter(|most| part.pictures.len() > *most) {
            notes.push(format!(
                "a part has {} pictures, but {platform} takes {most}: choose",
                part.pictures.len()
            ));
        }
    }
    for picture in pictures {
        if let Some(most) = platform.max_alt().filter(|most| picture.alt.chars().count() > *most) {
            notes.push(format!(
                "the alternative text of {} is longer than {most} characters",
                picture.name
            ));
        }
    }
    notes
}

struct Collector<'a> {
    linked: &'a Linked<'a>,
    entry: &'a Entry,
    platform: Platform,
    pictures: Vec<PostPicture>,
    problems: Vec<Problem>,
    /// What is shown and does not hold, in words; none twice.
    doubts: Vec<String>,
    raster: Option<PostError>,
}

impl Collector<'_> {
    fn shown(&mut self, target: &str, span: &Range<usize>, block: bool) -> Vec<Shown> {
        match self.linked.show(self.entry, target, span, block) {
            Ok(Showing { shown, origin }) => {
                if let Some(origin) = origin.filter(|origin| !origin.holds()) {
                    let (label, file, said) = (&origin.label, &origin.file, origin.said());
                    let doubt = format!(
                        "the output of `{label}` in `{file}` does not hold ({said}); before you post it: momentum run {file}"
                    );
                    if !self.doubts.contains(&doubt) {
                        self.doubts.push(doubt);
                    }
                }
                shown
            }
            Err(problem) => {
                self.problems.push(problem);
                Vec::new()
            }
        }
    }

    /// Takes in a picture; gives its number.
    fn add(&mut self, picture: &Shown, caption: &str) -> usize {
        let number = self.pictures.len();
        let drawn = match picture {
            Shown::Picture(Picture::Bytes(bytes, ending)) => Ok((bytes.clone(), *ending)),
            Shown::Picture(Picture::Svg(svg)) => {
                draw(svg, ZOOM, PICTURE_WIDTH).map(|pixels| (pixels.to_png(), "png"))
            }
            Shown::Text(text) | Shown::Value(text) => {
                draw(&sheet(text), 1.0, PICTURE_WIDTH).map(|pixels| (pixels.to_png(), "png"))
            }
        };
        match drawn {
            Ok((bytes, ending)) => {
                let name = format!("picture-{}.{ending}", number + 1);
                self.pictures.push(PostPicture { name, bytes, alt: caption.trim().to_owned() });
            }
            Err(source) => {
                self.raster.get_or_insert(PostError::Picture { number: number + 1, source });
            }
        }
        number
    }
}

impl Words for Collector<'_> {
    fn value(&mut self, target: &str, span: Range<usize>) -> Option<String> {
        match self.shown(target, &span, false).pop()? {
            Shown::Value(text) | Shown::Text(text) => Some(text),
            Shown::Picture(_) => None,
        }
    }

    fn figure(&mut self, target: &str, caption: &str, span: Range<usize>) -> (Vec<usize>, String) {
        let shown = self.shown(target, &span, true);
        let numbers: Vec<usize> = shown.iter().map(|one| self.add(one, caption)).collect();
        let said = matches!(self.platform, Platform::LinkedIn | Platform::Text);
        let text = match numbers[..] {
            [first, ..] if said => format!("[Picture {}: {}]", first + 1, caption.trim()),
            _ => String::new(),
        };
        (numbers, text)
    }

    fn address(&mut self, target: &str) -> Option<String> {
        self.linked.address(self.entry, target)
    }
}

/// Printed text as a picture: a sheet of paper with a font of one width.
fn sheet(text: &str) -> String {
    const SIZE: f32 = 24.0;
    const LINE: f32 = 33.0;
    const ADVANCE: f32 = 14.45;
    const LINES: usize = 60;
    const COLUMNS: usize = 110;
    let mut lines: Vec<String> = text
        .lines()
        .take(LINES + 1)
        .map(|line| {
            let line = line.replace('\t', "    ");
            if line.chars().count() > COLUMNS {
                line.chars().take(COLUMNS - 1).chain(['…']).collect()
            } else {
                line
            }
        })
        .collect();
    if lines.len() > LINES {
        lines[LINES] = "…".to_owned();
    }
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(24);
    let (width, height) = (columns as f32 * ADVANCE + 72.0, lines.len() as f32 * LINE + 64.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
         <rect width=\"100%\" height=\"100%\" fill=\"#fafbf9\"/>\
         <rect width=\"8\" height=\"100%\" fill=\"#0b6a5d\"/>\
         <g font-family=\"monospace\" font-size=\"{SIZE}\" fill=\"#1b2421\" xml:space=\"preserve\">"
    );
    for (n, line) in lines.iter().enumerate() {
        let y = 56.0 + n as f32 * LINE;
        svg.push_str(&format!("<text x=\"40\" y=\"{y}\">{}</text>", crate::output::escaped(line)));
    }
    svg.push_str("</g></svg>");
    svg
}

/// The entry as markdown that stands by itself: values written out, pictures named by their files.
fn markdown(entry: &Entry, series: &str, collector: &mut Collector<'_>) -> String {
    let body = entry.body();
    let mut text = format!("# {series} Day {}: {}\n\n", entry.front.day, entry.front.title);
    let events: Vec<_> = Parser::new_ext(body, options()).into_offset_iter().collect();
    let (mut done, mut at) = (0, 0);
    while let Some((event, span)) = events.get(at) {
        let mut step = 1;
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                step = element_len(&events[at..]);
                let caption = text_of(&events[at + 1..at + step - 1]);
                let starts = body[..span.start].ends_with('\n') || span.start == 0;
                let ends = body[span.end..].starts_with(['\n', '\r']) || span.end == body.len();
                let new = if starts && ends {
                    figures(collector, dest_url, &caption, span)
                } else {
                    collector.value(dest_url, span.clone()).unwrap_or_default()
                };
                text.push_str(&body[done..span.start]);
                text.push_str(&new);
                done = span.end;
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let address = collector.address(dest_url);
                if address.as_deref() != Some(dest_url.as_ref()) && !dest_url.starts_with('#') {
                    step = element_len(&events[at..]);
                    let words = text_of(&events[at + 1..at + step - 1]);
                    text.push_str(&body[done..span.start]);
                    text.push_str(&match address {
                        Some(address) => format!("[{words}]({address})"),
                        None => words,
                    });
                    done = span.end;
                }
            }
            _ => {}
        }
        at += step;
    }
    text.push_str(&body[done..]);
    text
}

/// A figure in markdown: pictures by their files, printed text as a block of code.
fn figures(
    collector: &mut Collector<'_>,
    target: &str,
    caption: &str,
    span: &Range<usize>,
) -> String {
    let mut blocks = Vec::new();
    for shown in collector.shown(target, span, true) {
        match &shown {
            Shown::Picture(_) => {
                let number = collector.add(&shown, caption);
                let name = collector.pictures.get(number).map_or("", |picture| &picture.name);
                blocks.push(format!("![{caption}]({name})"));
            }
            Shown::Text(text) | Shown::Value(text) => {
                let mut fence = "```".to_owned();
                while text.contains(&fence) {
                    fence.push('`');
                }
                blocks.push(format!("{fence}text\n{text}\n{fence}\n\n*{caption}*"));
            }
        }
    }
    blocks.join("\n\n")
}

impl Post {
    /// Writes `post.txt` (`post.md`; `post-1.txt` and so on for a thread), the pictures, and
    /// `alt.txt` with their texts, into a folder, which is made. Files of these names are replaced.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
        let ending = if self.platform == Platform::Markdown { "md" } else { "txt" };
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut alt = String::new();
        for (n, part) in self.parts.iter().enumerate() {
            let name = match self.parts.len() {
                1 => format!("post.{ending}"),
                of => format!("post-{:0width$}.{ending}", n + 1, width = of.to_string().len()),
            };
            for picture in &part.pictures {
                alt.push_str(&format!("{} (with {name}): {}\n", picture.name, picture.alt));
                files.insert(picture.name.clone(), picture.bytes.clone());
            }
            files.insert(name, format!("{}\n", part.text.trim_end()).into_bytes());
        }
        if !alt.is_empty() {
            files.insert("alt.txt".to_owned(), alt.into_bytes());
        }
        std::fs::create_dir_all(folder).map_err(JournalError::io("write", folder))?;
        let mut written = Vec::new();
        for (name, bytes) in files {
            let path = folder.join(name);
            replace_file(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests;
