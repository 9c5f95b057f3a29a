//! Markdown to HTML: CommonMark and GFM, with formulas, highlighted code and linked outputs.

mod outline;
pub(crate) mod raw;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pulldown_cmark::{
    BlockQuoteKind, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html,
};
use pulldown_cmark_escape::escape_html;

use crate::clean::html::{allowed_classes, clean_html, is_safe_link};
use crate::output::escaped;
use crate::{diagram, highlight, math};

pub(crate) use self::outline::{
    RESERVED_IDS, free_id, heading_ids, ids_below, links, slug, targets,
};
use self::outline::{element_len, is_bare, plain};

/// Decides what images and links become, and hears of what is wrong.
pub(crate) trait Embedding {
    /// The HTML in place of an image. `None` leaves it out.
    fn image(&mut self, image: &Image<'_>) -> Option<String>;
    /// The address in place of the one written, which is a name where it stands in `[[...]]`. `None`
    /// leaves the link's text alone.
    fn link(&mut self, target: &str, span: Range<usize>, by_name: bool) -> Option<String>;
    /// The HTML in place of a diagram. `None` leaves its source.
    fn diagram(&mut self, source: &str, span: Range<usize>) -> Option<String>;
    /// Something is wrong at `span` of the markdown.
    fn wrong(&mut self, span: Range<usize>, message: String);
    /// A tag that is written as HTML; it is written to the page by itself.
    fn raw_tag(&mut self, _: &raw::RawTag) {}
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
    /// Whether it is a `![[name]]`, which names a file wherever it lies.
    pub(crate) by_name: bool,
}

/// What makes one page's markdown different from another's.
#[derive(Debug, Default)]
pub(crate) struct MarkdownConfig<'a> {
    /// Put before the names of footnotes, so that several texts can share a page.
    pub(crate) footnote_prefix: &'a str,
    /// Leave out a heading of the first level at the start: the page has it already.
    pub(crate) skip_title: bool,
    /// Leave HTML and addresses as they are written.
    pub(crate) trusts_html: bool,
}

/// Rendered markdown.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    /// Words of running text, code not counted.
    pub(crate) n_words: usize,
    /// Running text and names in code, for the search index.
    pub(crate) text: String,
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
        | Options::ENABLE_WIKILINKS
        | Options::ENABLE_GFM
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
    let raw_html = !config.trusts_html
        && events.iter().any(|(event, _)| matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut renderer = Renderer {
        config,
        ids,
        embedding,
        slots: raw_html.then(Vec::new),
        out: Vec::with_capacity(events.len() + 16),
        links: Vec::new(),
        notes: HashMap::new(),
        rendered: Rendered::default(),
    };
    renderer.events(&events);
    if raw_html {
        for tag in raw::tags_of(&text, &events) {
            renderer.embedding.raw_tag(&tag);
        }
    }
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
    /// The footnotes: number, and how often each is referred to so far.
    notes: HashMap<String, (usize, usize)>,
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

    /// A footnote's number, in the order in which they are met, and how often that was.
    fn note(&mut self, name: &str) -> (usize, usize) {
        let number = self.notes.len() + 1;
        let note = self.notes.entry(name.to_owned()).or_insert((number, 0));
        note.1 += 1;
        *note
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
                    for image in images {
                        if let Some(html) = self.embedding.image(&image) {
                            self.push_own(html);
                        }
                    }
                    return len;
                }
                self.out.push(event.clone());
                1
            }
            Event::Start(Tag::Image { .. }) => {
                let len = element_len(events);
                let image = image(events, false);
                if let Some(html) = image.and_then(|image| self.embedding.image(&image)) {
                    self.push_own_inline(html);
                }
                len
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let target = if *link_type == pulldown_cmark::LinkType::Email {
                    Some(dest_url.to_string())
                } else if self.config.trusts_html || is_safe_link(dest_url) {
                    let by_name = matches!(link_type, LinkType::WikiLink { .. });
                    self.embedding.link(dest_url, span.clone(), by_name)
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
                let source = plain(&events[1..len - 1]);
                let drawn = diagram::is_diagram(language)
                    .then(|| self.embedding.diagram(&source, span.clone()))
                    .flatten();
                self.push_own(drawn.unwrap_or_else(|| highlight::block(&source, language)));
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
                    classes: classes
                        .iter()
                        .filter(|class| self.config.trusts_html || allowed_classes(class).is_some())
                        .cloned()
                        .collect(),
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
                    "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">"
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
                        self.push_own_inline(format!(
                            "<span class=\"formula\" tabindex=\"0\" role=\"group\" aria-label=\"Formula\">{mathml}</span>"
                        ));
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
            Event::Code(text) => {
                self.rendered.text.push_str(text);
                self.rendered.text.push(' ');
                self.out.push(event.clone());
                1
            }
            Event::FootnoteReference(name) => {
                let prefix = self.config.footnote_prefix;
                let (number, times) = self.note(name);
                let nth = if times == 1 { String::new() } else { format!("-{times}") };
                let name = escaped(name);
                self.push_own_inline(format!(
                    "<sup class=\"footnote-reference\" id=\"{prefix}ref-{name}{nth}\">\
                     <a href=\"#{prefix}fn-{name}\">{number}</a></sup>"
                ));
                1
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                let len = element_len(events);
                let prefix = self.config.footnote_prefix;
                let (number, _) = self.note(name);
                let name = escaped(name);
                self.push_own(format!(
                    "<div class=\"footnote-definition\" id=\"{prefix}fn-{name}\">\
                     <sup class=\"footnote-definition-label\">{number}</sup>\n"
                ));
                self.events(&events[1..len - 1]);
                self.push_own(format!(
                    "<a class=\"back\" href=\"#{prefix}ref-{name}\" \
                     aria-label=\"Back to the text\">↩</a></div>\n"
                ));
                len
            }
            Event::Text(text) => {
                self.rendered.n_words += text.split_whitespace().count();
                self.rendered.text.push_str(text);
                self.rendered.text.push(' ');
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

/// The image that `events` start with.
fn image<'x>(events: &'x [Spanned<'_>], block: bool) -> Option<Image<'x>> {
    let (Event::Start(Tag::Image { dest_url, link_type, .. }), span) = events.first()? else {
        return None;
    };
    let len = element_len(events);
    let text = plain(&events[1..len - 1]);
    Some(Image {
        target: dest_url,
        caption: if is_bare(*link_type) { String::new() } else { text },
        span: span.clone(),
        block,
        by_name: matches!(link_type, LinkType::WikiLink { .. }),
    })
}

/// The images of a paragraph that holds nothing else.
fn lone_images<'x>(events: &'x [Spanned<'_>]) -> Option<Vec<Image<'x>>> {
    let mut images = Vec::new();
    let mut at = 0;
    while let Some((event, _)) = events.get(at) {
        match event {
            Event::Start(Tag::Image { .. }) => {
                images.push(image(&events[at..], true)?);
                at += element_len(&events[at..]);
            }
            Event::SoftBreak | Event::HardBreak => at += 1,
            Event::Text(text) if text.trim().is_empty() => at += 1,
            _ => return None,
        }
    }
    (!images.is_empty()).then_some(images)
}

#[cfg(test)]
mod tests;
