//! What a text refers to and how its headings are called, without rendering it.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Parser, Tag};

use super::{Spanned, options};

/// Ids that the frame of an entry's page uses itself.
pub(crate) const RESERVED_IDS: [&str; 4] = ["main", "toc", "ran", "comments"];

/// A link or an image as it is written.
#[derive(Debug)]
pub(crate) struct WrittenLink {
    pub(crate) target: String,
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    pub(crate) is_image: bool,
    /// Whether it is a `[[name]]`.
    pub(crate) by_name: bool,
}

/// All links and images, in order.
pub(crate) fn links(text: &str) -> Vec<WrittenLink> {
    let events: Vec<Spanned<'_>> = Parser::new_ext(text, options()).into_offset_iter().collect();
    let found = events.iter().enumerate().filter_map(|(at, (event, span))| {
        let (link_type, target, is_image) = match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => (link_type, dest_url, false),
            Event::Start(Tag::Image { link_type, dest_url, .. }) => (link_type, dest_url, true),
            _ => return None,
        };
        let len = element_len(&events[at..]);
        let text = plain(&events[at + 1..at + len - 1]);
        Some(WrittenLink {
            target: target.to_string(),
            text: if is_bare(*link_type) { String::new() } else { text },
            span: span.clone(),
            is_image,
            by_name: matches!(link_type, LinkType::WikiLink { .. }),
        })
    });
    found.collect()
}

/// Whether it is a `[[link]]` without a text of its own.
pub(crate) fn is_bare(link_type: LinkType) -> bool {
    link_type == LinkType::WikiLink { has_pothole: false }
}

/// The targets of all links and images to notebooks.
pub(crate) fn targets(text: &str) -> Vec<String> {
    // Most entries have none, and need not be parsed for it.
    if !text.contains(".ipynb") && !text.contains('%') {
        return Vec::new();
    }
    links(text).into_iter().map(|link| link.target).collect()
}

/// The ids that the headings of `text` get, in order; those in `ids` are taken.
pub(crate) fn heading_ids(text: &str, ids: &mut HashSet<String>) -> Vec<String> {
    ids_below(text, false, ids)
}

/// The same for a page that has a title already: a heading of the first level at the start is
/// left out.
pub(crate) fn ids_below(text: &str, skip_title: bool, ids: &mut HashSet<String>) -> Vec<String> {
    // Most texts of notebooks are a sentence or two, and need not be parsed for it.
    if !text.contains(['#', '=', '-']) {
        return Vec::new();
    }
    let events: Vec<Spanned<'_>> = Parser::new_ext(text, options()).into_offset_iter().collect();
    let found = events.iter().enumerate().filter_map(|(at, (event, _))| match event {
        Event::Start(Tag::Heading { level, .. }) if at == 0 && skip_title && *level as u8 == 1 => {
            None
        }
        Event::Start(Tag::Heading { id, .. }) => {
            let len = element_len(&events[at..]);
            let text = plain(&events[at + 1..at + len - 1]);
            let wanted = id.as_ref().map_or_else(|| slug(&text), ToString::to_string);
            Some(free_id(ids, &wanted))
        }
        _ => None,
    });
    found.collect()
}

/// How many events the element that starts with the first of `events` has, both ends included.
pub(super) fn element_len(events: &[Spanned<'_>]) -> usize {
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
pub(super) fn plain(events: &[Spanned<'_>]) -> String {
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
pub(crate) fn slug(text: &str) -> String {
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
