//! Texts as PostgreSQL can hold them.
//!
//! PostgreSQL's `text` holds every character but NUL, and memory is whatever was said. NUL is
//! written as two characters: a mark that Unicode keeps free for a program's own use, and `0`.

use std::borrow::Cow;
use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// One of Unicode's noncharacters.
const MARK: char = '\u{fdd0}';

/// A text without NUL that stands for this one.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => written.extend([MARK, '0']),
            MARK => written.extend([MARK, MARK]),
            other => written.push(other),
        }
    }
    Cow::Owned(written)
}

/// The text that [`without_nul`] was given.
pub(super) fn with_nul(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            MARK => match characters.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => MARK,
            },
            other => other,
        });
    }
    text
}

/// A text on its way into a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a>(pub(super) &'a str);

impl ToSql for Given<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let written = without_nul(self.0);
        <&str as ToSql>::to_sql(&&*written, ty, out)
    }

    accepts!(TEXT);
    to_sql_checked!();
}

/// A text from a row.
#[derive(Debug)]
pub(super) struct Found(pub(super) String);

impl<'a> FromSql<'a> for Found {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let written = <&str as FromSql>::from_sql(ty, raw)?;
        Ok(Found(if written.contains(MARK) { with_nul(written) } else { written.to_owned() }))
    }

    accepts!(TEXT);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_texts_are_not_copied() {
        assert!(matches!(without_nul("Ω and all that"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "[a0\\x00\u{fdd0}\u{fdd1}Ω]{0,12}") {
            let written = without_nul(&text);
            prop_assert!(!written.contains('\0'));
            prop_assert_eq!(with_nul(&written), text);
        }

        /// A search may look at what is written: it finds all that it should, and perhaps more.
        #[test]
        fn what_a_text_holds_it_holds_when_written(
            front in "[a0\\x00\u{fdd0}]{0,4}", text in "[a0\\x00\u{fdd0}]{0,4}", end in "[a0\\x00\u{fdd0}]{0,4}"
        ) {
            let all = format!("{front}{text}{end}");
            prop_assert!(without_nul(&all).contains(&*without_nul(&text)));
        }
    }
}
