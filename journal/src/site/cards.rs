//! The social cards of the site, one for the index and one for each entry.
//!
//! Cards are drawn only where the configuration says where the site will be published: networks
//! take nothing but a full address. A card is drawn again when its words change.

use rayon::prelude::*;

use super::Build;
use crate::card::{Card, card_path};
use crate::key::{Key, KeyParts};
use crate::problem::JournalError;
use crate::record::EntryRecord;

/// Draws the cards that are not there yet.
pub(super) fn bring(
    build: &Build<'_>,
    entries: &[(&EntryRecord, &str)],
) -> Result<(), JournalError> {
    let bring_one = |page: &str, key: Key, card: &dyn Fn() -> Card| {
        let path = card_path(page);
        if build.folder.keep(&path, key)? {
            return Ok(());
        }
        let png = card().to_png().map_err(|source| {
            let message = format!("its card cannot be drawn: {source}");
            crate::problem::Problem::of_file(page, message)
        })?;
        build.folder.write(&path, key, &png)
    };
    // The renderer's key changes with the drawing, and the series' words stand in the configuration.
    let parts = KeyParts::new("card").key(build.key);
    bring_one("index.html", parts.clone().finish(), &|| Card::of_index(build.config))?;
    entries.par_iter().try_for_each(|(record, page)| {
        let head = &record.head;
        let mut parts = parts.clone().text(&head.title).text(&record.summary);
        parts.push_number(head.day as usize);
        parts.push_number(head.ordinal());
        bring_one(page, parts.finish(), &|| {
            Card::of_day(build.config, head.day, &head.title, &record.summary, head.date())
        })
    })
}
