//! The feeds, as Atom and as JSON, and the map of the site for search engines. Their dates are those of the entries: no clock is read.

use askama::Template;
use sha2::{Digest, Sha256};

use crate::config::SeriesConfig;
use crate::link::href;
use crate::notebook::chain::hex;
use crate::output::escaped;
use crate::record::EntryRecord;
use crate::root::stem_of;

/// The most entries in the feed.
pub(crate) const MAX_ENTRIES: usize = 50;

#[derive(Template)]
#[template(path = "feed.xml", escape = "html")]
struct Feed<'a> {
    title: &'a str,
    description: &'a str,
    author: &'a str,
    language: &'a str,
    id: String,
    base: String,
    updated: String,
    rows: Vec<FeedRow<'a>>,
}

struct FeedRow<'a> {
    day: u32,
    title: &'a str,
    id: String,
    date: String,
    path: String,
    tags: &'a [String],
    summary: &'a str,
}

/// Renders the Atom feed of `entries`, latest first, each with its page.
pub(crate) fn atom(
    config: &SeriesConfig,
    entries: &[(&EntryRecord, &str)],
) -> Result<String, askama::Error> {
    let latest = entries.iter().map(|(entry, _)| entry.head.date()).max().unwrap_or_default();
    let rows = entries.iter().map(|(entry, page)| FeedRow {
        day: entry.head.day,
        title: &entry.head.title,
        id: urn(&config.title, stem_of(page)),
        date: entry.head.date().to_string(),
        path: href("", page, None),
        tags: &entry.tags,
        summary: &entry.summary,
    });
    let feed = Feed {
        title: &config.title,
        description: &config.description,
        author: if config.author.is_empty() { &config.title } else { &config.author },
        language: &config.language,
        id: urn(&config.title, ""),
        base: config.address(),
        updated: latest.to_string(),
        rows: rows.collect(),
    };
    feed.render()
}

/// Renders the same as JSON Feed 1.1.
pub(crate) fn json(config: &SeriesConfig, entries: &[(&EntryRecord, &str)]) -> String {
    let base = config.address();
    let items: Vec<serde_json::Value> = entries
        .iter()
        .map(|(entry, page)| {
            let title = format!("Day {}: {}", entry.head.day, entry.head.title);
            let summary = if entry.summary.is_empty() { &title } else { &entry.summary };
            serde_json::json!({
                "id": urn(&config.title, stem_of(page)),
                "url": format!("{base}{}", href("", page, None)),
                "title": title,
                "content_text": summary,
                "date_published": format!("{}T00:00:00Z", entry.head.date()),
                "tags": entry.tags,
            })
        })
        .collect();
    let author = if config.author.is_empty() { &config.title } else { &config.author };
    let feed = serde_json::json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": config.title,
        "description": config.description,
        "language": config.language,
        "home_page_url": format!("{base}index.html"),
        "feed_url": format!("{base}feed.json"),
        "authors": [{"name": author}],
        "items": items,
    });
    let mut text = serde_json::to_string_pretty(&feed).unwrap_or_default();
    text.push('\n');
    text
}

/// The map of the site: pages and the days they were written.
pub(crate) fn sitemap(
    config: &SeriesConfig,
    pages: impl Iterator<Item = (String, Option<String>)>,
) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                    <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
        .to_owned();
    let base = config.address();
    for (page, date) in pages {
        let date = date.map(|date| format!("<lastmod>{date}</lastmod>")).unwrap_or_default();
        let address = escaped(&href(&base, &page, None));
        text.push_str(&format!("<url><loc>{address}</loc>{date}</url>\n"));
    }
    text.push_str("</urlset>\n");
    text
}

/// A name that stays the same wherever the site is published: a UUID of version 8 (RFC 9562) made
/// from the series' title and the entry's file name.
fn urn(series: &str, entry: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(series);
    hash.update("\n");
    hash.update(entry);
    let mut bytes: [u8; 32] = hash.finalize().into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes[..16]);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
