//! An entry's markdown as plain text, for places that know no markdown.

use std::ops::Range;

use pulldown_cmark::{BlockQuoteKind, Event, Parser, Tag, TagEnd};

use super::thread::{Piece, sentences};
use crate::markdown::options;

/// What an image or a link of the entry becomes.
pub(super) trait Words {
    /// A value within a sentence; `None` leaves it out.
    fn value(&mut self, target: &str, span: Range<usize>) -> Option<String>;
    /// An image in a paragraph of its own: the numbers of its pictures, and what to write there.
    fn figure(&mut self, target: &str, caption: &str, span: Range<usize>) -> (Vec<usize>, String);
    /// The address that a link leads to.
    fn address(&mut self, target: &str) -> Option<String>;
}

/// The text as pieces.
pub(super) fn pieces(markdown: &str, words: &mut dyn Words) -> Vec<Piece> {
    let mut reader = Reader {
        words,
        pieces: Vec::new(),
        line: String::new(),
        lists: Vec::new(),
        item: None,
        links: Vec::new(),
        cells: Vec::new(),
        head: Vec::new(),
        pictures: Vec::new(),
        alone: true,
    };
    let events: Vec<_> = Parser::new_ext(markdown, options()).into_offset_iter().collect();
    let mut at = 0;
    while at < events.len() {
        at += reader.event(&events[at..]);
    }
    reader.flush("\n\n");
    reader.pieces
}

struct Reader<'w> {
    words: &'w mut dyn Words,
    pieces: Vec<Piece>,
    /// The running paragraph.
    line: String,
    /// The open lists: the next number of each, if it counts.
    lists: Vec<Option<u64>>,
    /// The mark of the item that has not been written yet.
    item: Option<String>,
    links: Vec<Option<String>>,
    cells: Vec<String>,
    head: Vec<String>,
    pictures: Vec<usize>,
    /// Whether the running paragraph has held nothing but images so far.
    alone: bool,
}

type Spanned<'e> = (Event<'e>, Range<usize>);

impl Reader<'_> {
    /// Ends the running text as a paragraph.
    fn flush(&mut self, glue: &'static str) {
        let text = std::mem::take(&mut self.line);
        let text = text.trim();
        let pictures = std::mem::take(&mut self.pictures);
        self.alone = true;
        if text.is_empty() && pictures.is_empty() {
            return;
        }
        let mut new = sentences(text);
        if new.is_empty() {
            new.push(Piece::default());
        }
        new[0].glue = glue;
        if let Some(mark) = self.item.take() {
            new[0].text = format!("{mark}{}", new[0].text);
        }
        if let Some(last) = new.last_mut() {
            last.pictures = pictures;
        }
        self.pieces.append(&mut new);
    }

    fn event(&mut self, events: &[Spanned<'_>]) -> usize {
        let (event, span) = &events[0];
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                let len = element_len(events);
                let caption = text_of(&events[1..len - 1]);
                let ends = matches!(
                    events.get(len).map(|(event, _)| event),
                    None | Some(
                        Event::End(TagEnd::Paragraph) | Event::SoftBreak | Event::HardBreak
                    )
                );
                if self.alone && ends && self.line.trim().is_empty() {
                    let (pictures, text) = self.words.figure(dest_url, &caption, span.clone());
                    self.pictures.extend(pictures);
                    if !text.is_empty() {
                        self.line.push_str(&text);
                        self.line.push('\n');
                    }
                } else if let Some(value) = self.words.value(dest_url, span.clone()) {
                    self.line.push_str(&value);
                }
                return len;
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.flush("\n\n");
                let len = element_len(events);
                let text = text_of(&events[1..len - 1]);
                let mut glue = "\n\n";
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let text = line.trim_end().to_owned();
                    self.pieces.push(Piece { glue, text, ..Piece::default() });
                    glue = "\n";
                }
                return len;
            }
            Event::Start(Tag::Heading { .. }) => {
                self.flush("\n\n");
                let len = element_len(events);
                let text = text_of(&events[1..len - 1]);
                if !text.trim().is_empty() {
                    let text = text.trim().to_owned();
                    self.pieces.push(Piece { glue: "\n\n", text, heading: true, pictures: vec![] });
                }
                return len;
            }
            Event::Start(Tag::MetadataBlock(_) | Tag::HtmlBlock) => return element_len(events),
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(*end),
            Event::Text(text) => {
                self.alone = self.alone && text.trim().is_empty();
                self.line.push_str(text);
            }
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.alone = false;
                self.line.push_str(text);
            }
            Event::SoftBreak => self.line.push(' '),
            Event::HardBreak => self.line.push('\n'),
            Event::FootnoteReference(name) => self.line.push_str(&format!(" [{name}]")),
            Event::TaskListMarker(done) => self.line.push_str(if *done { "✓ " } else { "○ " }),
            Event::Rule => self.flush("\n\n"),
            Event::Html(_) | Event::InlineHtml(_) => {}
        }
        1
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::List(first) => {
                let glue = if self.lists.is_empty() { "\n\n" } else { "\n" };
                self.flush(glue);
                self.lists.push(*first);
            }
            Tag::Item => {
                let indent = "  ".repeat(self.lists.len().saturating_sub(1));
                self.item = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{indent}{}. ", *number - 1)
                    }
                    _ => format!("{indent}- "),
                });
            }
            Tag::BlockQuote(kind) => {
                let name = match kind {
                    None => return,
                    Some(BlockQuoteKind::Note) => "Note: ",
                    Some(BlockQuoteKind::Tip) => "Tip: ",
                    Some(BlockQuoteKind::Important) => "Important: ",
                    Some(BlockQuoteKind::Warning) => "Warning: ",
                    Some(BlockQuoteKind::Caution) => "Caution: ",
                };
                self.item = Some(name.to_owned());
            }
            Tag::Link { dest_url, .. } => {
                self.alone = false;
                let address = self.words.address(dest_url);
                self.links
                    .push(address.map(|address| format!("{}\u{0}{address}", self.line.len())));
            }
            Tag::FootnoteDefinition(name) => self.item = Some(format!("[{name}] ")),
            Tag::TableHead | Tag::TableRow => self.cells.clear(),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph => {
                let glue = if self.lists.is_empty() { "\n\n" } else { "\n" };
                self.flush(glue);
            }
            TagEnd::Item => {
                let first = self.lists.len() == 1
                    && !self.pieces.last().is_some_and(|piece| is_item(&piece.text));
                self.flush(if first { "\n\n" } else { "\n" });
                self.item = None;
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.item = None;
            }
            TagEnd::Link => {
                if let Some(Some(link)) = self.links.pop()
                    && let Some((start, address)) = link.split_once('\u{0}')
                {
                    let start = start.parse().unwrap_or(0).min(self.line.len());
                    let shown = self.line[start..].trim().to_owned();
                    if shown != address && !address.ends_with(&format!("//{shown}")) {
                        self.line.push_str(&format!(" ({address})"));
                    }
                }
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.line).trim().to_owned()),
            TagEnd::TableHead => self.head = std::mem::take(&mut self.cells),
            TagEnd::TableRow => {
                let cells = std::mem::take(&mut self.cells);
                let first = cells.first().cloned().unwrap_or_default();
                let rest: Vec<String> = cells
                    .iter()
                    .enumerate()
                    .skip(1)
                    .filter(|(_, cell)| !cell.is_empty())
                    .map(|(n, cell)| match self.head.get(n) {
                        Some(name) if self.head.len() > 2 => format!("{name} {cell}"),
                        _ => cell.clone(),
                    })
                    .collect();
                let is_first = !self.pieces.last().is_some_and(|piece| is_item(&piece.text));
                let glue = if is_first { "\n\n" } else { "\n" };
                let text = if rest.is_empty() {
                    format!("- {first}")
                } else {
                    format!("- {first}: {}", rest.join(", "))
                };
                self.pieces.push(Piece { glue, text, ..Piece::default() });
            }
            _ => {}
        }
    }
}

fn is_item(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("- ")
        || text.split_once(". ").is_some_and(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()))
}

/// How many events the element that starts with the first of `events` has.
pub(crate) fn element_len(events: &[Spanned<'_>]) -> usize {
    let mut depth = 0usize;
    for (n, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    events.len()
}

/// The text of events, without marks.
pub(crate) fn text_of(events: &[Spanned<'_>]) -> String {
    let mut text = String::new();
    for (event, _) in events {
        match event {
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) => text.push_str(part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text
}
