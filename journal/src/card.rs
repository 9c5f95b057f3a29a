//! Social cards: the picture that goes along where a page is shared, 1200 × 630 pixels.

use std::fmt::Write;
use std::sync::LazyLock;

use chrono::NaiveDate;

use crate::config::SeriesConfig;
use crate::output::escaped;
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
        Ok(self.pixels()?.to_png())
    }

    fn pixels(&self) -> Result<Pixels, RasterError> {
        static PAPER: LazyLock<Option<Pixels>> =
            LazyLock::new(|| draw(&paper(), 1.0, CARD_SIZE.0).ok());
        let words = self.words();
        match &*PAPER {
            Some(paper) => draw_over(paper, &words),
            None => draw(&words, 1.0, CARD_SIZE.0),
        }
    }

    /// The words, as an SVG to lay over the paper.
    fn words(&self) -> String {
        let mut svg = open();
        let mut y = 104.0;
        if let Some(day) = self.day {
            text(&mut svg, LEFT, y, 30.0, "bold", "#0b6a5d", &fitted(&self.series, 30.0, 720.0));
            let day = day.to_string();
            let wide = text_width(&day, true) * 150.0;
            text(&mut svg, LEFT + WIDTH - wide, 182.0, 150.0, "bold", "#dbe9e4", &day);
            let label = text_width("DAY", true) * 26.0;
            text(
                &mut svg,
                LEFT + WIDTH - wide - label - 22.0,
                104.0,
                26.0,
                "bold",
                "#0b6a5d",
                "DAY",
            );
            y = 260.0;
        } else {
            y += 130.0;
        }
        let (size, lines) = [62.0, 54.0, 46.0, 40.0]
            .map(|size: f32| (size, wrap(&self.title, true, size, WIDTH)))
            .into_iter()
            .find(|(size, lines)| lines.len() <= if *size > 50.0 { 2 } else { 3 })
            .unwrap_or_else(|| (40.0, cut(wrap(&self.title, true, 40.0, WIDTH), 4)));
        for line in lines {
            text(&mut svg, LEFT, y, size, "bold", "#1b2421", &line);
            y += size * 1.18;
        }
        y += 14.0;
        let room = ((548.0 - y) / 40.0).floor().clamp(0.0, 3.0) as usize;
        for line in cut(wrap(&self.summary, false, 29.0, WIDTH), room) {
            text(&mut svg, LEFT, y, 29.0, "normal", "#55635d", &line);
            y += 40.0;
        }
        text(&mut svg, LEFT, 580.0, 26.0, "normal", "#55635d", &fitted(&self.foot, 26.0, WIDTH));
        svg.push_str("</svg>");
        svg
    }
}

fn open() -> String {
    let (width, height) = CARD_SIZE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">"
    )
}

/// A page of a lab notebook.
fn paper() -> String {
    let mut svg = open();
    svg.push_str("<rect width=\"1200\" height=\"630\" fill=\"#fafbf9\"/><g stroke=\"#e9efeb\">");
    for x in (30..1200).step_by(30) {
        let _ = write!(svg, "<path d=\"M{x} 0V630\"/>");
    }
    for y in (30..630).step_by(30) {
        let _ = write!(svg, "<path d=\"M0 {y}H1200\"/>");
    }
    svg.push_str(
        "</g><rect width=\"24\" height=\"630\" fill=\"#0b6a5d\"/>\
         <path d=\"M60 0V630\" stroke=\"#e8b765\" stroke-width=\"3\"/></svg>",
    );
    svg
}

fn text(svg: &mut String, x: f32, y: f32, size: f32, weight: &str, fill: &str, words: &str) {
    let words = escaped(words);
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-family=\"sans-serif\" font-size=\"{size}\" \
         font-weight=\"{weight}\" fill=\"{fill}\">{words}</text>"
    );
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
        assert!(card().words().contains("&lt;b&gt;"));
    }
}
