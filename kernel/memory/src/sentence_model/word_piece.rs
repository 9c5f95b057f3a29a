//! From text to tokens: BERT's WordPiece (Wu et al. 2016, arXiv 1609.08144, section 4.1; the rules
//! around it are those of the reference implementation, `BertTokenizer`).

use std::collections::HashMap;

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::SentenceModelError;
use super::folder::Folder;

/// A longer word is unknown as a whole, as in the reference.
const LONGEST_WORD: usize = 100;

/// A vocabulary, and how texts are prepared for it.
pub(super) struct WordPiece {
    vocabulary: HashMap<String, u32>,
    unknown: u32,
    first: u32,
    last: u32,
    longest: usize,
    is_lower_case: bool,
}

impl WordPiece {
    pub(super) fn new(folder: &Folder) -> Result<Self, SentenceModelError> {
        let path = &folder.vocabulary;
        let text = std::fs::read_to_string(path)
            .map_err(|source| SentenceModelError::File { path: path.clone(), source })?;
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        let vocabulary: HashMap<String, u32> = lines.zip(0..).collect();
        let special = |token: &'static str| {
            let path = path.clone();
            vocabulary.get(token).copied().ok_or(SentenceModelError::Vocabulary { path, token })
        };
        let (unknown, first, last) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        let Folder { longest, is_lower_case, .. } = *folder;
        Ok(WordPiece { vocabulary, unknown, first, last, longest, is_lower_case })
    }

    /// The tokens of a text, between the one that begins it and the one that ends it.
    pub(super) fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = vec![self.first];
        for word in words(text, self.is_lower_case) {
            if tokens.len() >= self.longest {
                break;
            }
            self.pieces(&word, &mut tokens);
        }
        tokens.truncate(self.longest - 1);
        tokens.push(self.last);
        tokens
    }

    /// The longest pieces of a word that are in the vocabulary, from its beginning.
    fn pieces(&self, word: &str, tokens: &mut Vec<u32>) {
        let (n_before, mut rest) = (tokens.len(), word);
        if word.chars().count() > LONGEST_WORD {
            tokens.push(self.unknown);
            return;
        }
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                let piece = &rest[..end];
                let id = match rest.len() == word.len() {
                    true => self.vocabulary.get(piece),
                    false => self.vocabulary.get(&format!("##{piece}")),
                };
                id.map(|id| (*id, end))
            });
            let Some((id, end)) = found else {
                tokens.truncate(n_before);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(id);
            rest = &rest[end..];
        }
    }
}

/// The words of a text; each punctuation mark and each Chinese character is one.
fn words(text: &str, is_lower_case: bool) -> Vec<String> {
    let prepared = match is_lower_case {
        true => {
            let decomposed =
                DecomposingNormalizerBorrowed::new_nfd().normalize(text).to_lowercase();
            decomposed.chars().filter(|c| !is_accent(*c)).collect()
        }
        false => text.to_owned(),
    };
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for c in prepared.chars() {
        if c.is_whitespace() {
            is_open = false;
        } else if c == '\u{fffd}' || c.is_control() || is_format(c) {
            // Left out, as if it were not there.
        } else if is_punctuation(c) || is_chinese(c) {
            words.push(c.to_string());
            is_open = false;
        } else {
            match words.last_mut().filter(|_| is_open) {
                Some(word) => word.push(c),
                None => words.push(c.to_string()),
            }
            is_open = true;
        }
    }
    words
}

/// The accents that a decomposition sets free (the combining blocks).
fn is_accent(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f | 0x483..=0x487 | 0x591..=0x5bd | 0x610..=0x61a
        | 0x64b..=0x65f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20f0 | 0xfe20..=0xfe2f)
}

/// Marks that are not seen, such as the zero-width joiner.
fn is_format(c: char) -> bool {
    matches!(u32::from(c), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff)
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(u32::from(c), 0xa1 | 0xa7 | 0xab | 0xb6 | 0xb7 | 0xbb | 0xbf
            | 0x2010..=0x2027 | 0x2030..=0x205e | 0x3001..=0x3003 | 0x3008..=0x3011
            | 0x3014..=0x301f | 0x30fb | 0xff01..=0xff03 | 0xff05..=0xff0a | 0xff0c..=0xff0f
            | 0xff1a | 0xff1b | 0xff1f | 0xff20 | 0xff3b..=0xff3d)
}

fn is_chinese(c: char) -> bool {
    matches!(u32::from(c), 0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x2_0000..=0x2_a6df
        | 0x2_a700..=0x2_ceaf | 0xf900..=0xfaff | 0x2_f800..=0x2_fa1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fall_into_words() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(words(text, true), expected, "{text:?}");
        };
        check(
            "Caroline said, \"Hey Mel!\"",
            &["caroline", "said", ",", "\"", "hey", "mel", "!", "\""],
        );
        check("Émile's café", &["emile", "'", "s", "cafe"]);
        check("a\u{200b}b\u{7}c\td", &["abc", "d"]);
        check("我 went—home…", &["我", "went", "—", "home", "…"]);
        check("$5 ^_^", &["$", "5", "^", "_", "^"]);
        check("", &[]);
        assert_eq!(words("Émile", false), ["Émile"]);
    }

    #[test]
    fn words_fall_into_the_longest_pieces() {
        let all = ["[UNK]", "[CLS]", "[SEP]", "hik", "hiking", "##ing", "##ed", "a", "##a"];
        let vocabulary = all.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), id)).collect();
        let word_piece = WordPiece {
            vocabulary,
            unknown: 0,
            first: 1,
            last: 2,
            longest: 6,
            is_lower_case: true,
        };
        let check = |text: &str, expected: &[u32]| {
            assert_eq!(word_piece.tokens(text), expected, "{text:?}");
        };
        check("Hiking, hiked", &[1, 4, 0, 3, 6, 2]);
        check("hiked a a a", &[1, 3, 6, 7, 7, 2]);
        check("hikes", &[1, 0, 2]);
        check(&"a".repeat(101), &[1, 0, 2]);
        check("", &[1, 2]);
    }
}
