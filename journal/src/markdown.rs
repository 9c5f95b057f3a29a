//! Markdown to HTML: CommonMark and GFM, with formulas, highlighted code and linked outputs.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{
    BlockQuoteKind, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html,
};
use pulldown_cmark_escape::escape_html;

use crate::clean::html::{clean_html, is_safe_link};
use crate::{highlight, math};

/// Decides what images and links become, and hears of what is wrong.
pub(crate) trait Embedding {
    /// The HTML in place of an image. `None` leaves it out.
    fn image(&mut self, image: &Image<'_>) -> Option<String>;
    /// The address in place of the one written. `None` leaves the link's text alone.
    fn link(&mut self, target: &str, span: Range<usize>) -> Option<String>;
    /// Something is wrong at `span` of the markdown.
    fn wrong(&mut self, span: Range<usize>, message: String);
}

/// An image as it is written.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    pub(crate) target: &'a str,
    /// The text between the brackets, without marks.
    pub(crate) caption: String,
    /// Its place in the markdown.
    pub(crate) span: Range<usize>,
    /// Whether it stands alone in its paragraph.
    pub(crate) block: bool,
}

/// What makes one page's markdown different from another's.
#[derive(Debug, Default)]
pub(crate) struct MarkdownConfig<'a> {
    /// Put before the names of footnotes, so that several texts can share a page.
    pub(crate) footnote_prefix: &'a str,
    /// Leave out a heading of the first level at the start: the page has it already.
    pub(crate) skip_title: bool,
}

/// Rendered markdown.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    /// Words of running text, code not counted.
    pub(crate) n_words: usize,
}

/// A heading, for the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) level: u8,
    pub(crate) id: String,
    pub(crate) text: String,
}

/// Stand-ins for HTML of our own while what is around it is sanitised.
const SLOT: (char, char) = ('\u{e000}', '\u{e001}');

pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM
}

/// The targets of all links and images.
pub(crate) fn targets(text: &str) -> Vec<String> {
    Parser::new_ext(text, options())
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.into_string())
            }
            _ => None,
        })
        .collect()
}

/// Renders `text`. `ids` are taken on the page already; new ones are added to it.
pub(crate) fn render(
    text: &str,
    config: &MarkdownConfig<'_>,
    ids: &mut HashSet<String>,
    embedding: &mut dyn Embedding,
) -> Rendered {
    // Same length, so that places stay places.
    let text = text.replace([SLOT.0, SLOT.1], "\u{fffd}");
    let events: Vec<_> = Parser::new_ext(&text, options()).into_offset_iter().collect();
    let raw_html =
        events.iter().any(|(event, _)| matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut renderer = Renderer {
        config,
        ids,
        embedding,
        slots: raw_html.then(Vec::new),
        out: Vec::with_capacity(events.len() + 16),
        links: Vec::new(),
        rendered: Rendered::default(),
    };
    renderer.events(&events);
    let Renderer { out, slots, mut rendered, .. } = renderer;
    html::push_html(&mut rendered.html, out.into_iter());
    if let Some(slots) = slots {
        rendered.html = fill(&clean_html(&rendered.html), &slots);
    }
    rendered
}

/// Puts our own HTML where its stand-ins are.
fn fill(html: &str, slots: &[String]) -> String {
    let mut filled = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(SLOT.0) {
        filled.push_str(&rest[..at]);
        rest = &rest[at + SLOT.0.len_utf8()..];
        let Some(end) = rest.find(SLOT.1) else { continue };
        if let Some(slot) = rest[..end].parse::<usize>().ok().and_then(|n| slots.get(n)) {
            filled.push_str(slot);
        }
        rest = &rest[end + SLOT.1.len_utf8()..];
    }
    filled.push_str(rest);
    filled
}

struct Renderer<'a, 'e> {
    config: &'a MarkdownConfig<'a>,
    ids: &'a mut HashSet<String>,
    embedding: &'a mut dyn Embedding,
    slots: Option<Vec<String>>,
    out: Vec<Event<'e>>,
    /// For each open link: whether it is written.
    links: Vec<bool>,
    rendered: Rendered,
}

type Spanned<'e> = (Event<'e>, Range<usize>);

impl<'e> Renderer<'_, 'e> {
    /// HTML of our own making, or its stand-in.
    fn own(&mut self, html: String) -> CowStr<'e> {
        match &mut self.slots {
            None => html.into(),
            Some(slots) => {
                slots.push(html);
                format!("{}{}{}", SLOT.0, slots.len() - 1, SLOT.1).into()
            }
        }
    }

    fn push_own(&mut self, html: String) {
        let html = self.own(html);
        self.out.push(Event::Html(html));
    }

    fn push_own_inline(&mut self, html: String) {
        let html = self.own(html);
        self.out.push(Event::InlineHtml(html));
    }

    fn events(&mut self, events: &[Spanned<'e>]) {
        let mut at = 0;
        while at < events.len() {
            at += self.event(&events[at..], at == 0);
        }
    }

    /// Handles the first of `events`; tells how many are done with.
    fn event(&mut self, events: &[Spanned<'e>], is_first: bool) -> usize {
        let (event, span) = &events[0];
        match event {
            Event::Start(Tag::Paragraph) => {
                let len = element_len(events);
                if let Some(images) = lone_images(&events[1..len - 1]) {
                    for (target, caption, span) in images {
                        let image = Image { target, caption, span, block: true };
                        if let Some(html) = self.embedding.image(&image) {
                            self.push_own(html);
                        }
                    }
                    return len;
                }
                self.out.push(event.clone());
                1
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let len = element_len(events);
                let caption = plain(&events[1..len - 1]);
                let image = Image { target: dest_url, caption, span: span.clone(), block: false };
                if let Some(html) = self.embedding.image(&image) {
                    self.push_own_inline(html);
                }
                len
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let target = if *link_type == pulldown_cmark::LinkType::Email {
                    Some(dest_url.to_string())
                } else if is_safe_link(dest_url) {
                    self.embedding.link(dest_url, span.clone())
                } else {
                    let message = format!("the link `{dest_url}` is not a web or mail address");
                    self.embedding.wrong(span.clone(), message);
                    None
                };
                self.links.push(target.is_some());
                if let Some(target) = target {
                    self.out.push(Event::Start(Tag::Link {
                        link_type: *link_type,
                        dest_url: target.into(),
                        title: title.clone(),
                        id: id.clone(),
                    }));
                }
                1
            }
            Event::End(TagEnd::Link) => {
                if self.links.pop().unwrap_or(true) {
                    self.out.push(event.clone());
                }
                1
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let len = element_len(events);
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.as_ref(),
                    CodeBlockKind::Indented => "",
                };
                self.push_own(highlight::block(&plain(&events[1..len - 1]), language));
                len
            }
            Event::Start(Tag::Heading { level, id, classes, attrs }) => {
                let len = element_len(events);
                let level_number = *level as u8;
                if is_first && self.config.skip_title && level_number == 1 {
                    return len;
                }
                let text = plain(&events[1..len - 1]);
                let wanted = id.as_ref().map_or_else(|| slug(&text), ToString::to_string);
                let id = free_id(self.ids, &wanted);
                self.rendered.headings.push(Heading {
                    level: level_number,
                    id: id.clone(),
                    text: text.clone(),
                });
                self.out.push(Event::Start(Tag::Heading {
                    level: *level,
                    id: Some(id.clone().into()),
                    classes: classes.clone(),
                    attrs: attrs
                        .iter()
                        .filter(|(name, _)| name.starts_with("data-"))
                        .cloned()
                        .collect(),
                }));
                self.events(&events[1..len - 1]);
                let mut anchor = " <a class=\"anchor\" href=\"#".to_owned();
                let _ = escape_html(&mut anchor, &crate::link::href("", "", Some(&id))[1..]);
                anchor.push_str("\" aria-label=\"Link to this part: ");
                let _ = escape_html(&mut anchor, &text);
                anchor.push_str("\">#</a>");
                self.push_own_inline(anchor);
                self.out.push(Event::End(TagEnd::Heading(*level)));
                len
            }
            Event::Start(Tag::Table(_)) => {
                self.push_own(
                    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">"
                        .to_owned(),
                );
                self.out.push(event.clone());
                1
            }
            Event::End(TagEnd::Table) => {
                self.out.push(event.clone());
                self.push_own("</div>\n".to_owned());
                1
            }
            Event::Start(Tag::BlockQuote(Some(kind))) => {
                self.out.push(event.clone());
                let name = match kind {
                    BlockQuoteKind::Note => "Note",
                    BlockQuoteKind::Tip => "Tip",
                    BlockQuoteKind::Important => "Important",
                    BlockQuoteKind::Warning => "Warning",
                    BlockQuoteKind::Caution => "Caution",
                };
                self.push_own(format!("<p class=\"alert-title\">{name}</p>\n"));
                1
            }
            Event::InlineMath(latex) | Event::DisplayMath(latex) => {
                let display = matches!(event, Event::DisplayMath(_));
                match math::to_mathml(latex, display) {
                    Ok(mathml) if display => {
                        self.push_own_inline(format!("<span class=\"formula\">{mathml}</span>"));
                    }
                    Ok(mathml) => self.push_own_inline(mathml),
                    Err(message) => {
                        let message = format!("the formula cannot be drawn: {message}");
                        self.embedding.wrong(span.clone(), message);
                        self.out.push(Event::Code(latex.clone()));
                    }
                }
                1
            }
            Event::TaskListMarker(done) => {
                let (checked, said) = if *done { (" checked", "done") } else { ("", "to do") };
                self.push_own_inline(format!(
                    "<input type=\"checkbox\" disabled{checked} aria-label=\"{said}\"> "
                ));
                1
            }
            Event::FootnoteReference(name) => {
                let name = format!("{}fn-{name}", self.config.footnote_prefix);
                self.out.push(Event::FootnoteReference(name.into()));
                1
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                let name = format!("{}fn-{name}", self.config.footnote_prefix);
                self.out.push(Event::Start(Tag::FootnoteDefinition(name.into())));
                1
            }
            Event::Text(text) => {
                self.rendered.n_words += text.split_whitespace().count();
                self.out.push(event.clone());
                1
            }
            _ => {
                self.out.push(event.clone());
                1
            }
        }
    }
}

/// How many events the element that starts with the first of `events` has, both ends included.
fn element_len(events: &[Spanned<'_>]) -> usize {
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

/// The images of a paragraph that holds nothing else: target, caption, place.
fn lone_images<'x>(events: &'x [Spanned<'_>]) -> Option<Vec<(&'x str, String, Range<usize>)>> {
    let mut images = Vec::new();
    let mut at = 0;
    while let Some((event, span)) = events.get(at) {
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                let len = element_len(&events[at..]);
                let caption = plain(&events[at + 1..at + len - 1]);
                images.push((dest_url.as_ref(), caption, span.clone()));
                at += len;
            }
            Event::SoftBreak | Event::HardBreak => at += 1,
            Event::Text(text) if text.trim().is_empty() => at += 1,
            _ => return None,
        }
    }
    (!images.is_empty()).then_some(images)
}

/// The text of events, without marks.
fn plain(events: &[Spanned<'_>]) -> String {
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

/// A heading's text as an id, as GitHub makes them.
fn slug(text: &str) -> String {
    let slug: String = text
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect();
    if slug.is_empty() { "part".to_owned() } else { slug }
}

/// The id, with a number where it is taken; it is taken afterwards.
pub(crate) fn free_id(ids: &mut HashSet<String>, wanted: &str) -> String {
    let mut id = wanted.to_owned();
    let mut n = 1;
    while !ids.insert(id.clone()) {
        id = format!("{wanted}-{n}");
        n += 1;
    }
    id
}
