//! The social cards of the site, one for the index and one for each entry.
//!
//! Cards are drawn only where the configuration says where the site will be published: networks
//! take nothing but a full address. A card is drawn again when its words change.

use rayon::prelude::*;

use super::Build;
use crate::card::{Card, card_path};
use crate::key::KeyParts;
use crate::problem::JournalError;
use crate::record::EntryRecord;

/// Draws the cards that are not there yet.
pub(super) fn bring(
    build: &Build<'_>,
    entries: &[(&EntryRecord, &str)],
) -> Result<(), JournalError> {
    let bring_one = |page: &str, card: Card| {
        let path = card_path(page);
        // The renderer's key changes with the drawing.
        let mut parts = KeyParts::new("card").key(build.key);
        let day = card.day.map(|day| day.to_string()).unwrap_or_default();
        for text in [&card.series, &day, &card.title, &card.summary, &card.foot] {
            parts.push(text);
        }
        let key = parts.finish();
        if build.folder.keep(&path, key)? {
            return Ok(());
        }
        let png = card.to_png().map_err(|source| {
            let message = format!("its card cannot be drawn: {source}");
            crate::problem::Problem::of_file(page, message)
        })?;
        build.folder.write(&path, key, &png)
    };
    bring_one("index.html", Card::of_index(build.config))?;
    entries.par_iter().try_for_each(|(record, page)| {
        let head = &record.head;
        let card = Card::of_day(build.config, head.day, &head.title, &record.summary, head.date());
        bring_one(page, card)
    })
}
