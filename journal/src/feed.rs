//! The Atom feed. Its dates are those of the entries: no clock is read.

use askama::Template;
use sha2::{Digest, Sha256};

use crate::config::SeriesConfig;
use crate::embed::SiteMap;
use crate::entry::Entry;
use crate::link::href;
use crate::notebook::chain::hex;

/// The most entries in the feed.
const MAX_ENTRIES: usize = 50;

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

/// Renders the feed of `entries`, which are sorted by day, the latest last.
pub(crate) fn render(
    config: &SeriesConfig,
    entries: &[Entry],
    map: &SiteMap,
) -> Result<String, askama::Error> {
    let base = if config.base_url.is_empty() {
        String::new()
    } else {
        format!("{}{}/", config.base_url, config.base_path)
    };
    let latest = entries.iter().map(|entry| entry.front.date).max().unwrap_or_default();
    let rows = entries.iter().rev().take(MAX_ENTRIES).map(|entry| FeedRow {
        day: entry.front.day,
        title: &entry.front.title,
        id: urn(&config.title, entry.stem()),
        date: entry.front.date.to_string(),
        path: map.entries.get(&entry.file).map(|page| href("", page, None)).unwrap_or_default(),
        tags: &entry.front.tags,
        summary: &entry.front.summary,
    });
    let feed = Feed {
        title: &config.title,
        description: &config.description,
        author: if config.author.is_empty() { &config.title } else { &config.author },
        language: &config.language,
        id: urn(&config.title, ""),
        base,
        updated: latest.to_string(),
        rows: rows.collect(),
    };
    feed.render()
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
