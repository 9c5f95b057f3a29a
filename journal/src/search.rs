//! The search index: words of entries and notebooks, as scripts that a page can read from disk.
//!
//! Documents stand in blocks of [`BLOCK`]. A block is one script with its own list of words, so an
//! edit changes one block. A posting is twelve bits: eight for the document in the block, four for
//! how much the word says about it; written as two characters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// How many documents share a block.
pub(crate) const BLOCK: usize = 256;

/// Words shorter than this, and cut at this length, are not indexed.
const WORD_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
/// The most different words of one document.
const MAX_WORDS: usize = 4_000;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The words of a document with their weights, 1 to 15.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// Sorted, with a blank after each.
    words: String,
    weights: Vec<u8>,
}

/// The parts of a document, by how much a word in them says.
#[derive(Debug, Default)]
pub(crate) struct Words {
    counts: BTreeMap<String, (u32, u8)>,
}

impl Words {
    /// Words of running text.
    pub(crate) fn add(&mut self, text: &str) {
        self.add_weighted(text, 0);
    }

    /// Words that count for more: 3 for a heading, 5 for a tag, 7 for a title.
    pub(crate) fn add_weighted(&mut self, text: &str, weight: u8) {
        for_each_word(text, &mut |word| {
            if let Some((count, most)) = self.counts.get_mut(word) {
                *count += 1;
                *most = weight.max(*most);
            } else if self.counts.len() < MAX_WORDS {
                self.counts.insert(word.to_owned(), (1, weight));
            }
        });
    }

    pub(crate) fn terms(self) -> Terms {
        let mut terms = Terms::default();
        for (word, (count, weight)) in self.counts {
            terms.words.push_str(&word);
            terms.words.push(' ');
            // 1, 2, 3 to 4, 5 to 8, more.
            let often = count.next_power_of_two().trailing_zeros().min(4) as u8;
            terms.weights.push((1 + often + weight).min(15));
        }
        terms
    }
}

impl Terms {
    fn iter(&self) -> impl Iterator<Item = (&str, u8)> {
        self.words.split(' ').zip(self.weights.iter().copied())
    }
}

/// Calls `each` with the lower-case words of `text`. Ideographs are words of their own.
fn for_each_word(text: &str, each: &mut dyn FnMut(&str)) {
    let mut word = String::new();
    let mut n_chars = 0;
    let mut end = |word: &mut String, n_chars: &mut usize| {
        if WORD_CHARS.contains(n_chars) {
            each(word);
        }
        word.clear();
        *n_chars = 0;
    };
    // The page looks words up composed and without marks, so marks must not part them here.
    let text = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        ComposingNormalizerBorrowed::new_nfc().normalize(text)
    };
    for c in text.chars() {
        if is_ideograph(c) {
            end(&mut word, &mut n_chars);
            word.push(c);
            n_chars = *WORD_CHARS.start();
            end(&mut word, &mut n_chars);
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            n_chars += 1;
        } else if !c.is_ascii()
            && n_chars > 0
            && c.general_category_group() == GeneralCategoryGroup::Mark
        {
            word.push(c);
        } else {
            end(&mut word, &mut n_chars);
        }
    }
    end(&mut word, &mut n_chars);
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// A document as the search page lists it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Document<'a> {
    /// Its page, from the site's root.
    pub(crate) href: String,
    /// `Day 2`, or `Notebook`.
    pub(crate) kind: String,
    pub(crate) title: &'a str,
    pub(crate) date: String,
    pub(crate) summary: &'a str,
}

/// The script of one block of at most [`BLOCK`] documents.
pub(crate) fn block(documents: &[(Document<'_>, Terms)]) -> String {
    let mut postings: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (n, (_, terms)) in documents.iter().take(BLOCK).enumerate() {
        for (word, weight) in terms.iter() {
            let bits = n << 4 | usize::from(weight);
            postings.entry(word).or_default().extend([DIGITS[bits >> 6], DIGITS[bits & 63]]);
        }
    }
    let docs: Vec<[&str; 5]> = documents
        .iter()
        .map(|(d, _)| [d.href.as_str(), d.kind.as_str(), d.title, d.date.as_str(), d.summary])
        .collect();
    let mut words = String::new();
    let mut posts = String::new();
    for (word, digits) in &postings {
        words.push_str(word);
        words.push(' ');
        posts.extend(digits.iter().map(|digit| char::from(*digit)));
        posts.push('.');
    }
    let docs = serde_json::to_string(&docs).unwrap_or_default();
    // In a script of its own, so no `</script>` can end it; two separators are no JSON-in-script.
    let docs = docs.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    format!("momentumSearch({docs},\"{}\",\"{posts}\");\n", words.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, title: &str) -> Terms {
        let mut words = Words::default();
        words.add(text);
        words.add_weighted(title, 7);
        words.terms()
    }

    #[test]
    fn words_are_lower_case_with_weights() {
        let said: Vec<String> = terms("The loss, the LOSS: x_1 été 学习", "Loss")
            .iter()
            .map(|(word, weight)| format!("{word}={weight}"))
            .collect();
        assert_eq!(said, ["loss=10", "the=2", "été=1", "习=1", "学=1"]);
    }

    #[test]
    fn words_are_composed_as_the_page_looks_them_up() {
        let said = |text: &str| {
            let terms = terms(text, "");
            terms.iter().map(|(word, _)| word.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said("한국"), ["국", "한"]);
        assert_eq!(said("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"), ["국", "한"]);
        assert_eq!(said("e\u{301}te\u{301}"), ["été"]);
        assert_eq!(said("हिन्दी"), ["हिन्दी"]);
        // Every word of the page's own folding: composed, with Hangul whole.
        let script = include_str!("../theme/search.js");
        assert!(script.contains(r#".replace(/\p{M}/gu, "").normalize("NFC")"#));
    }

    #[test]
    fn a_block_is_a_script() {
        let one = Document {
            href: "entries/a.html".into(),
            kind: "Day 1".into(),
            title: "A \"b\" </script>",
            date: "2026-11-22".into(),
            summary: "",
        };
        let (a, b) = (terms("loss", ""), terms("loss gradient", ""));
        insta::assert_snapshot!(
            block(&[(one.clone(), a), (one, b)]),
            @r#"momentumSearch([["entries/a.html","Day 1","A \"b\" </script>","2026-11-22",""],["entries/a.html","Day 1","A \"b\" </script>","2026-11-22",""]],"gradient loss","AR.ABAR.");"#
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_in_a_text_gets_into_the_script_as_code(text in "[a-z\"\\\\<>/ é\u{2028}学.]{0,40}") {
            let terms = terms(&text, "");
            let document = Document { href: text.clone(), kind: text.clone(), title: &text, date: text.clone(), summary: &text };
            let script = block(&[(document, terms)]);
            let inner = script.strip_prefix("momentumSearch(").unwrap().strip_suffix(");\n").unwrap();
            let json: Vec<serde_json::Value> = serde_json::from_str(&format!("[{inner}]")).unwrap();
            proptest::prop_assert_eq!(json.len(), 3);
            let words = json[1].as_str().unwrap();
            let n_words = words.split(' ').filter(|word| !word.is_empty()).count();
            proptest::prop_assert_eq!(json[2].as_str().unwrap().matches('.').count(), n_words);
        }
    }
}
