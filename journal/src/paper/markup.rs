//! An entry's markdown in typst's notation.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::formula;
use crate::markdown::options;
use crate::post::{element_len, text_of};

/// What images and links of the entry become.
pub(super) trait Figures {
    /// An image in a paragraph of its own, as a block of typst.
    fn figure(&mut self, target: &str, caption: &str, span: Range<usize>) -> String;
    /// A value within a sentence, as typst.
    fn value(&mut self, target: &str, span: Range<usize>) -> String;
    /// The address that a link leads to.
    fn address(&mut self, target: &str) -> Option<String>;
}

type Spanned<'e> = (Event<'e>, Range<usize>);

/// Text in which typst finds no markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text as a string literal of typst.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The markdown as typst. Headings begin one level below the entry's own.
pub(super) fn render(markdown: &str, figures: &mut dyn Figures) -> String {
    let events: Vec<Spanned<'_>> =
        Parser::new_ext(markdown, options()).into_offset_iter().collect();
    let mut writer = Writer { figures, notes: BTreeMap::new() };
    let mut at = 0;
    while at < events.len() {
        let len = element_len(&events[at..]);
        if let Event::Start(Tag::FootnoteDefinition(name)) = &events[at].0 {
            let text = writer.content(&events[at + 1..at + len - 1]);
            writer.notes.insert(name.to_string(), text.trim().to_owned());
        }
        at += len;
    }
    writer.content(&events)
}

struct Writer<'f> {
    figures: &'f mut dyn Figures,
    /// The footnotes, by name.
    notes: BTreeMap<String, String>,
}

impl Writer<'_> {
    fn content(&mut self, events: &[Spanned<'_>]) -> String {
        let mut text = String::new();
        let mut at = 0;
        while at < events.len() {
            let len = element_len(&events[at..]);
            text.push_str(&self.element(&events[at..at + len]));
            at += len;
        }
        text
    }

    /// One element, with all that is in it.
    fn element(&mut self, events: &[Spanned<'_>]) -> String {
        let (event, span) = &events[0];
        let inner = events.get(1..events.len().saturating_sub(1)).unwrap_or_default();
        match event {
            Event::Start(tag) => self.tag(tag, inner, span),
            Event::Text(text) => escaped(text),
            Event::Code(code) => format!("#raw({})", literal(code)),
            Event::InlineMath(latex) => match formula::to_typst(latex) {
                Some(formula) => format!("${}$", formula.trim()),
                None => format!("#raw({})", literal(latex)),
            },
            Event::DisplayMath(latex) => match formula::to_typst(latex) {
                Some(formula) => format!("$ {} $", formula.trim()),
                None => format!("#raw({}, block: true)", literal(latex)),
            },
            Event::SoftBreak => " ".to_owned(),
            Event::HardBreak => "#linebreak()".to_owned(),
            Event::Rule => "\n#line(length: 20%, stroke: 0.5pt)\n\n".to_owned(),
            Event::TaskListMarker(done) => if *done { "☑ " } else { "☐ " }.to_owned(),
            Event::FootnoteReference(name) => match self.notes.get(name.as_ref()) {
                Some(note) => format!("#footnote[{note}]"),
                None => escaped(&format!("[{name}]")),
            },
            Event::End(_) | Event::Html(_) | Event::InlineHtml(_) => String::new(),
        }
    }

    fn tag(&mut self, tag: &Tag<'_>, inner: &[Spanned<'_>], span: &Range<usize>) -> String {
        match tag {
            Tag::Paragraph => {
                if let Some(images) = lone_images(inner) {
                    let figure = |(target, caption, span): (String, String, Range<usize>)| {
                        self.figures.figure(&target, &caption, span)
                    };
                    return images.into_iter().map(figure).collect();
                }
                format!("{}\n\n", self.content(inner))
            }
            Tag::Heading { level, .. } => {
                let words = self.content(inner);
                format!("\n#heading(level: {})[{words}]\n\n", (*level as u8).max(2))
            }
            Tag::Emphasis => format!("#emph[{}]", self.content(inner)),
            Tag::Strong => format!("#strong[{}]", self.content(inner)),
            Tag::Strikethrough => format!("#strike[{}]", self.content(inner)),
            Tag::Superscript => format!("#super[{}]", self.content(inner)),
            Tag::Subscript => format!("#sub[{}]", self.content(inner)),
            Tag::Link { dest_url, .. } => {
                let words = self.content(inner);
                match self.figures.address(dest_url) {
                    Some(address) => format!("#link({})[{words}]", literal(&address)),
                    None => words,
                }
            }
            Tag::Image { dest_url, .. } => self.figures.value(dest_url, span.clone()),
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([' ', ',', '{']).next().unwrap_or_default().to_owned()
                    }
                    CodeBlockKind::Indented => String::new(),
                };
                let code = text_of(inner);
                let code = literal(code.trim_end_matches('\n'));
                if language.is_empty() {
                    format!("#raw({code}, block: true)\n\n")
                } else {
                    format!("#raw({code}, block: true, lang: {})\n\n", literal(&language))
                }
            }
            Tag::List(first) => {
                let items: Vec<String> = children(inner)
                    .into_iter()
                    .map(|item| format!("[{}]", self.content(&item[1..item.len() - 1]).trim()))
                    .collect();
                match first {
                    Some(number) => format!("#enum(start: {number}, {})\n\n", items.join(", ")),
                    None => format!("#list({})\n\n", items.join(", ")),
                }
            }
            Tag::BlockQuote(kind) => {
                let text = self.content(inner);
                match kind {
                    None => format!("#quote(block: true)[{text}]\n\n"),
                    Some(kind) => format!("#note({})[{text}]\n\n", literal(name_of(*kind))),
                }
            }
            Tag::Table(columns) => self.table(columns.len(), inner),
            Tag::HtmlBlock | Tag::MetadataBlock(_) | Tag::FootnoteDefinition(_) => String::new(),
            _ => self.content(inner),
        }
    }

    fn table(&mut self, columns: usize, inner: &[Spanned<'_>]) -> String {
        let mut cells = Vec::new();
        let mut head = String::new();
        for row in children(inner) {
            let is_head = matches!(row[0].0, Event::Start(Tag::TableHead));
            let written: Vec<String> = children(&row[1..row.len() - 1])
                .into_iter()
                .map(|cell| format!("[{}]", self.content(&cell[1..cell.len() - 1])))
                .collect();
            if is_head {
                head = format!("table.header({})", written.join(", "));
            } else {
                cells.extend(written);
            }
        }
        cells.insert(0, head);
        format!("#table(columns: {columns}, {})\n\n", cells.join(", "))
    }
}

fn name_of(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    }
}

/// The elements among events that have a beginning and an end.
fn children<'x, 'e>(events: &'x [Spanned<'e>]) -> Vec<&'x [Spanned<'e>]> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < events.len() {
        let len = element_len(&events[at..]);
        if matches!(events[at].0, Event::Start(_)) && len >= 2 {
            found.push(&events[at..at + len]);
        }
        at += len;
    }
    found
}

/// The images of a paragraph that holds nothing else.
fn lone_images(events: &[Spanned<'_>]) -> Option<Vec<(String, String, Range<usize>)>> {
    let mut images = Vec::new();
    let mut at = 0;
    while let Some((event, span)) = events.get(at) {
        let len = element_len(&events[at..]);
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                let caption = text_of(&events[at + 1..at + len - 1]);
                images.push((dest_url.to_string(), caption, span.clone()));
            }
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph) => {}
            Event::Text(text) if text.trim().is_empty() => {}
            _ => return None,
        }
        at += len;
    }
    (!images.is_empty()).then_some(images)
}
