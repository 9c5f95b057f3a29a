//! From text to terms: words in lower case, without stop words, led back to their stems.
//!
//! A term is a 64-bit hash of a stem, so that an index holds no text. Two stems share a hash with
//! a chance of one in 10⁷ in a million stems; then a search finds a text too many.

mod english;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use rust_stemmers::{Algorithm, Stemmer};

use self::english::{IRREGULAR, STOP_WORDS};
use super::dates;

/// The hash of a stem, the same on every machine.
pub(crate) type Term = u64;

/// FNV-1a with a last mix, so that the high bits are as good as the low ones.
pub(crate) fn hash(text: &str) -> Term {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut mixed = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// The words of a text: runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Terms are hashes already: a map of them need not hash again.
#[derive(Debug, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, term: u64) {
        self.0 = term;
    }
}

/// A map from terms.
pub(crate) type TermMap<T> = HashMap<Term, T, BuildHasherDefault<AsIs>>;

/// Leads words back to terms and remembers what it did: a stem costs more than a look-up.
pub(crate) struct Analyzer {
    stemmer: Stemmer,
    /// By the hash of the word in lower case.
    terms: TermMap<Option<Term>>,
    /// What texts say when they tell a time.
    times: HashSet<Term, BuildHasherDefault<AsIs>>,
    lower: String,
}

/// Beyond this many words the remembered ones are dropped, so that memory stays bounded.
const MOST_WORDS: usize = 1 << 17;

impl Analyzer {
    pub(crate) fn new() -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let terms = TermMap::default();
        let times = HashSet::default();
        let mut analyzer = Analyzer { stemmer, terms, times, lower: String::new() };
        analyzer.times = dates::time_words().filter_map(|word| analyzer.term(&word)).collect();
        analyzer
    }

    /// The term of a word; [`None`] for a stop word.
    pub(crate) fn term(&mut self, word: &str) -> Option<Term> {
        self.lower.clear();
        if word.is_ascii() {
            self.lower.push_str(word);
            self.lower.make_ascii_lowercase();
        } else {
            self.lower.push_str(&word.to_lowercase());
        }
        let word = hash(&self.lower);
        if let Some(term) = self.terms.get(&word) {
            return *term;
        }
        let term = stem(&self.stemmer, &self.lower).map(|stem| hash(&stem));
        if self.terms.len() >= MOST_WORDS {
            self.terms.clear();
        }
        self.terms.insert(word, term);
        term
    }

    /// Whether a text with this term tells a time.
    pub(crate) fn is_of_time(&self, term: Term) -> bool {
        self.times.contains(&term)
    }

    /// The terms of a text, in order, with repetitions.
    pub(crate) fn terms(&mut self, text: &str) -> Vec<Term> {
        words(text).filter_map(|word| self.term(word)).collect()
    }
}

/// The stem of a word in lower case; [`None`] for a stop word.
fn stem(stemmer: &Stemmer, word: &str) -> Option<String> {
    if STOP_WORDS.binary_search(&word).is_ok() {
        return None;
    }
    let base = IRREGULAR.binary_search_by_key(&word, |(form, _)| form);
    let base = base.map_or(word, |i| IRREGULAR[i].1);
    Some(stemmer.stem(base).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        assert!(STOP_WORDS.is_sorted());
        assert!(IRREGULAR.is_sorted());
    }

    #[test]
    fn terms_are_stems_of_words_that_mean_something() {
        let stemmer = Stemmer::create(Algorithm::English);
        let check = |text: &str, expected: &[&str]| {
            let lower = text.to_lowercase();
            let stems: Vec<_> = words(&lower).filter_map(|word| stem(&stemmer, word)).collect();
            assert_eq!(stems, expected, "{text:?}");
            let hashes: Vec<_> = expected.iter().map(|stem| hash(stem)).collect();
            assert_eq!(Analyzer::new().terms(text), hashes, "{text:?}");
        };
        check("What did Caroline research?", &["carolin", "research"]);
        check("Hiking, hiked & hikes!", &["hike", "hike", "hike"]);
        check("7 May 2023", &["7", "may", "2023"]);
        check("Émile à ORLÉANS", &["émile", "à", "orléan"]);
        check("She went, and had gone.", &["go", "go"]);
        check("don't", &[]);
    }

    #[test]
    fn hashes_do_not_change() {
        assert_eq!(hash("dog"), 254_606_960_866_562_993);
    }
}
