//! Social cards: the picture that goes along where a page is shared, 1200 × 630 pixels.

use std::fmt::Write;
use std::sync::LazyLock;

use chrono::NaiveDate;

use crate::config::SeriesConfig;
use crate::output::escaped;
use crate::raster::letters::{Colour, Line, Sheet, is_plain};
use crate::raster::{Pixels, RasterError, draw, draw_over, text_width};

/// Width and height of a card in pixels: what the large networks ask for.
pub const CARD_SIZE: (u32, u32) = (1200, 630);

/// Where the card of a page lies in the site: an entry has its own, all other pages share the
/// index's.
pub(crate) fn card_path(page: &str) -> String {
    match page.strip_prefix("entries/").and_then(|name| name.strip_suffix(".html")) {
        Some(name) => format!("cards/{name}.png"),
        None => "cards/index.png".to_owned(),
    }
}

/// Where text begins, and how wide it may be.
const LEFT: f32 = 96.0;
const WIDTH: f32 = 1008.0;

/// What a card says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// The series' name, on top.
    pub series: String,
    /// The large number; none on the index's card.
    pub day: Option<u32>,
    /// The title, at most four lines.
    pub title: String,
    /// A sentence or two below it, at most three lines.
    pub summary: String,
    /// Author and date, at the foot.
    pub foot: String,
}

impl Card {
    /// The card of a day.
    #[must_use]
    pub fn of_day(
        config: &SeriesConfig,
        day: u32,
        title: &str,
        summary: &str,
        date: NaiveDate,
    ) -> Card {
        let date = date.format("%-d %B %Y").to_string();
        let foot =
            if config.author.is_empty() { date } else { format!("{} · {date}", config.author) };
        Card {
            series: config.title.clone(),
            day: Some(day),
            title: title.to_owned(),
            summary: summary.to_owned(),
            foot,
        }
    }

    /// The card of the index.
    #[must_use]
    pub fn of_index(config: &SeriesConfig) -> Card {
        Card {
            series: String::new(),
            day: None,
            title: config.title.clone(),
            summary: config.description.clone(),
            foot: config.author.clone(),
        }
    }

    /// Draws the card as a PNG: the same bytes for the same words, on every machine.
    ///
    /// ```
    /// let card = momentum_journal::Card {
    ///     day: Some(2),
    ///     title: "A memory that edits itself".into(),
    ///     ..Default::default()
    /// };
    /// assert!(card.to_png()?.starts_with(b"\x89PNG"));
    /// # Ok::<(), momentum_journal::RasterError>(())
    /// ```
    ///
    /// # Errors
    /// The drawing failed, which is a fault of this crate.
    pub fn to_png(&self) -> Result<Vec<u8>, RasterError> {
        let lines = self.lines();
        if !lines.iter().all(|line| is_plain(&line.text)) {
            return shaped(&lines);
        }
        let mut sheet = PAPER.clone();
        lines.iter().for_each(|line| sheet.write(line));
        Ok(sheet.to_png())
    }

    /// The words, line by line.
    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut add = |x, y, size, bold, ink: Ink, text: String| {
            lines.push(Line { x, y, size, bold, ink: ink as usize, text });
        };
        let mut y = 104.0;
        if let Some(day) = self.day {
            add(LEFT, y, 30.0, true, Ink::Accent, fitted(&self.series, 30.0, 720.0));
            let day = day.to_string();
            let wide = text_width(&day, true) * 150.0;
            let label = text_width("DAY", true) * 26.0;
            let label_at = LEFT + WIDTH - wide - label - 22.0;
            add(LEFT + WIDTH - wide, 182.0, 150.0, true, Ink::Pale, day);
            add(label_at, 104.0, 26.0, true, Ink::Accent, "DAY".to_owned());
            y = 260.0;
        } else {
            y += 130.0;
        }
        let (size, title) = [62.0, 54.0, 46.0, 40.0]
            .map(|size: f32| (size, wrap(&self.title, true, size, WIDTH)))
            .into_iter()
            .find(|(size, lines)| lines.len() <= if *size > 50.0 { 2 } else { 3 })
            .unwrap_or_else(|| (40.0, cut(wrap(&self.title, true, 40.0, WIDTH), 4)));
        for line in title {
            add(LEFT, y, size, true, Ink::Dark, line);
            y += size * 1.18;
        }
        y += 14.0;
        let room = ((548.0 - y) / 40.0).floor().clamp(0.0, 3.0) as usize;
        for line in cut(wrap(&self.summary, false, 29.0, WIDTH), room) {
            add(LEFT, y, 29.0, false, Ink::Soft, line);
            y += 40.0;
        }
        add(LEFT, 580.0, 26.0, false, Ink::Soft, fitted(&self.foot, 26.0, WIDTH));
        lines
    }
}

/// What words are written in: places in [`INKS`].
#[derive(Debug, Clone, Copy)]
enum Ink {
    Accent,
    Pale,
    Dark,
    Soft,
}

const INKS: [Colour; 4] =
    [[0x0b, 0x6a, 0x5d], [0xdb, 0xe9, 0xe4], [0x1b, 0x24, 0x21], [0x55, 0x63, 0x5d]];

/// The paper, its squares, the bar at the side, the line beside it.
const PAPERS: [Colour; 4] =
    [[0xfa, 0xfb, 0xf9], [0xe9, 0xef, 0xeb], [0x0b, 0x6a, 0x5d], [0xe8, 0xb7, 0x65]];

/// A page of a lab notebook.
static PAPER: LazyLock<Sheet> = LazyLock::new(|| {
    let (width, height) = (CARD_SIZE.0 as usize, CARD_SIZE.1 as usize);
    let mut sheet = Sheet::new(CARD_SIZE, &PAPERS, &INKS);
    for x in (30..width).step_by(30) {
        sheet.fill([x, x + 1], [0, height], 1);
    }
    for y in (30..height).step_by(30) {
        sheet.fill([0, width], [y, y + 1], 1);
    }
    sheet.fill([0, 24], [0, height], 2);
    sheet.fill([59, 62], [0, height], 3);
    sheet
});

/// Lines in scripts whose letters join or change: as an SVG, laid over the paper.
fn shaped(lines: &[Line]) -> Result<Vec<u8>, RasterError> {
    static UNDER: LazyLock<Option<Pixels>> =
        LazyLock::new(|| Pixels::from_png(&PAPER.to_png()).ok());
    let (width, height) = CARD_SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">"
    );
    for Line { x, y, size, bold, ink, text } in lines {
        let weight = if *bold { "bold" } else { "normal" };
        let [red, green, blue] = INKS[*ink];
        let words = escaped(text);
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-family=\"sans-serif\" font-size=\"{size}\" \
             font-weight=\"{weight}\" fill=\"rgb({red},{green},{blue})\">{words}</text>"
        );
    }
    svg.push_str("</svg>");
    let drawn = match &*UNDER {
        Some(paper) => draw_over(paper, &svg)?,
        None => draw(&svg, 1.0, width)?,
    };
    Ok(drawn.to_png())
}

/// The text in lines of at most that width; a word that is wider stands alone and is cut.
fn wrap(words: &str, bold: bool, size: f32, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let space = text_width(" ", bold) * size;
    let mut used = 0.0;
    for word in words.split_whitespace() {
        let wide = text_width(word, bold) * size;
        match lines.last_mut() {
            Some(line) if used + space + wide <= width => {
                line.push(' ');
                line.push_str(word);
                used += space + wide;
            }
            _ => {
                lines.push(shortened(word, bold, size, width));
                used = wide;
            }
        }
    }
    lines
}

/// At most so many lines; the last of them says that there were more.
fn cut(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let kept = last.rfind(' ').unwrap_or(last.len());
            last.truncate(kept);
            last.push('…');
        }
    }
    lines
}

fn fitted(words: &str, size: f32, width: f32) -> String {
    shortened(words, false, size, width)
}

/// The text, cut by characters where it is too wide.
fn shortened(words: &str, bold: bool, size: f32, width: f32) -> String {
    if text_width(words, bold) * size <= width {
        return words.to_owned();
    }
    let mut kept = String::new();
    for c in words.chars() {
        kept.push(c);
        if (text_width(&kept, bold) + text_width("…", bold)) * size > width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            series: "Momentum Learning".into(),
            day: Some(2),
            title: "A memory that edits itself, and layers that learn to see <b>".into(),
            summary: "In the course, an agent that writes its own memory. ".repeat(9),
            foot: "Someone · 22 November 2026".into(),
        }
    }

    #[test]
    fn a_card_is_a_png_of_the_size_that_networks_ask_for() {
        let png = card().to_png().unwrap();
        let pixels = Pixels::from_png(&png).unwrap();
        assert_eq!((pixels.width, pixels.height), CARD_SIZE);
        assert_eq!(png, card().to_png().unwrap());
        assert_ne!(png, Card { day: Some(3), ..card() }.to_png().unwrap());
        assert!(png.len() < 300_000, "{}", png.len());
    }

    #[test]
    fn letters_that_join_are_shaped() {
        let joined = Card { title: "مرحبا 学习 <b>".into(), ..card() };
        let pixels = Pixels::from_png(&joined.to_png().unwrap()).unwrap();
        assert_eq!((pixels.width, pixels.height), CARD_SIZE);
        assert_ne!(
            joined.to_png().unwrap(),
            Card { title: String::new(), ..card() }.to_png().unwrap()
        );
    }

    #[test]
    fn an_entry_has_a_card_of_its_own() {
        assert_eq!(card_path("entries/day-02.html"), "cards/day-02.png");
        assert_eq!(card_path("notebooks/a.html"), "cards/index.png");
    }

    #[test]
    fn every_line_fits() {
        for title in ["Short", "many words in a row ".repeat(30).as_str(), &"w".repeat(400)] {
            for line in wrap(title, true, 62.0, WIDTH) {
                assert!(text_width(&line, true) * 62.0 <= WIDTH + 0.5, "{line}");
            }
        }
        assert_eq!(cut(wrap(&"word ".repeat(90), false, 29.0, WIDTH), 2).len(), 2);
    }
}
