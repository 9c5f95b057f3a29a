//! Splitting a text into numbered parts, at the ends of sentences.

use unicode_segmentation::UnicodeSegmentation;

use super::Platform;

/// A piece of text that is not taken apart while there is room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// What stands before it where it does not begin a part.
    pub(super) glue: &'static str,
    pub(super) text: String,
    /// A heading goes along with what follows it.
    pub(super) heading: bool,
    /// Which pictures belong to it.
    pub(super) pictures: Vec<usize>,
}

/// A part of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) pictures: Vec<usize>,
}

/// The sentences of a paragraph (UAX 29), as pieces.
pub(super) fn sentences(paragraph: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for line in paragraph.lines() {
        let mut glue = "\n";
        for sentence in line.split_sentence_bounds() {
            let text = sentence.trim();
            if text.is_empty() {
                continue;
            }
            pieces.push(Piece { glue, text: text.to_owned(), ..Piece::default() });
            glue = " ";
        }
    }
    if let Some(first) = pieces.first_mut() {
        first.glue = "\n\n";
    }
    pieces
}

/// Packs pieces into as few parts as their order allows. Where there are several, each ends with
/// its number, which is counted too.
pub(super) fn split(pieces: &[Piece], platform: Platform) -> Vec<Part> {
    let Some(limit) = platform.limit() else { return pack(pieces, platform, usize::MAX, None) };
    let whole = pack(pieces, platform, limit, None);
    if whole.len() <= 1 {
        return whole;
    }
    // The numbers take room, and how much depends on how many parts there are.
    let mut digits = 1;
    loop {
        let mark = number(10usize.pow(digits) - 1, 10usize.pow(digits) - 1);
        let room = limit.saturating_sub(platform.length(&mark)).max(1);
        let mut parts = pack(pieces, platform, room, platform.max_pictures());
        let of = parts.len();
        if of < 10usize.pow(digits) || digits >= 6 {
            for (n, part) in parts.iter_mut().enumerate() {
                part.text.push_str(&number(n + 1, of));
            }
            return parts;
        }
        digits += 1;
    }
}

fn number(n: usize, of: usize) -> String {
    format!("\n\n({n}/{of})")
}

fn pack(
    pieces: &[Piece],
    platform: Platform,
    limit: usize,
    max_pictures: Option<usize>,
) -> Vec<Part> {
    let mut packing =
        Packing { platform, limit, parts: Vec::new(), open: Part::default(), tail: 0 };
    for piece in pieces {
        let full = max_pictures.is_some_and(|most| {
            !packing.open.pictures.is_empty()
                && packing.open.pictures.len() + piece.pictures.len() > most
        });
        if full {
            packing.close();
        }
        packing.add(piece);
    }
    packing.tail = 0;
    packing.close();
    packing.parts
}

struct Packing {
    platform: Platform,
    limit: usize,
    parts: Vec<Part>,
    open: Part,
    /// Where the headings at the end of the open part begin, counted from its end in bytes.
    tail: usize,
}

impl Packing {
    fn add(&mut self, piece: &Piece) {
        let before = self.open.text.len();
        if !self.open.text.is_empty() && !piece.text.is_empty() {
            self.open.text.push_str(piece.glue);
        }
        self.open.text.push_str(&piece.text);
        if self.platform.length(&self.open.text) <= self.limit {
            self.tail = match (piece.heading, piece.text.is_empty()) {
                (true, _) => self.tail + self.open.text.len() - before,
                (false, true) => self.tail,
                (false, false) => 0,
            };
            self.open.pictures.extend(&piece.pictures);
            return;
        }
        self.open.text.truncate(before);
        if before > self.tail {
            self.close();
            return self.add(piece);
        }
        // Alone, and still too long: by words, and a word that is too long by characters.
        for word in words(&piece.text, self.platform, self.limit) {
            let glue = if self.open.text.is_empty() || word.0 { "" } else { " " };
            let kept = self.open.text.len();
            self.open.text.push_str(glue);
            self.open.text.push_str(&word.1);
            if self.platform.length(&self.open.text) > self.limit {
                self.open.text.truncate(kept);
                self.tail = 0;
                self.close();
                self.open.text.push_str(&word.1);
            }
        }
        self.tail = 0;
        self.open.pictures.extend(&piece.pictures);
    }

    /// Ends the open part; headings at its end begin the next one.
    fn close(&mut self) {
        let at = self.open.text.len() - self.tail;
        let next = self.open.text.split_off(at);
        let next = next.trim_start().to_owned();
        self.tail = next.len();
        let done = std::mem::replace(&mut self.open, Part { text: next, ..Part::default() });
        if !done.text.is_empty() || !done.pictures.is_empty() {
            self.parts.push(done);
        }
    }
}

/// Words, each with whether it goes on with the one before; none longer than the limit.
fn words(text: &str, platform: Platform, limit: usize) -> Vec<(bool, String)> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        if platform.length(word) <= limit {
            words.push((false, word.to_owned()));
            continue;
        }
        let mut piece = String::new();
        let mut goes_on = false;
        for grapheme in word.graphemes(true) {
            piece.push_str(grapheme);
            if platform.length(&piece) > limit && piece.len() > grapheme.len() {
                piece.truncate(piece.len() - grapheme.len());
                words.push((goes_on, std::mem::replace(&mut piece, grapheme.to_owned())));
                goes_on = true;
            }
        }
        words.push((goes_on, piece));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, platform: Platform) -> Vec<String> {
        let pieces: Vec<Piece> = text.split("\n\n").flat_map(sentences).collect();
        split(&pieces, platform).into_iter().map(|part| part.text).collect()
    }

    #[test]
    fn what_fits_is_one_part_without_a_number() {
        assert_eq!(parts("One. Two.\n\nThree.", Platform::X), ["One. Two.\n\nThree."]);
    }

    #[test]
    fn parts_end_with_sentences_and_numbers() {
        let text = "This sentence has exactly some words in it. ".repeat(20);
        let parts = parts(&text, Platform::X);
        assert_eq!(parts.len(), 4);
        for (n, part) in parts.iter().enumerate() {
            assert!(part.ends_with(&format!("in it.\n\n({}/4)", n + 1)), "{part}");
            assert!(Platform::X.length(part) <= 280);
        }
    }

    #[test]
    fn a_heading_goes_with_what_follows() {
        let heading =
            |text: &str| Piece { glue: "\n\n", text: text.into(), heading: true, pictures: vec![] };
        let mut pieces = sentences(&"x".repeat(240));
        pieces.push(heading("Book part"));
        pieces.extend(sentences(&"y ".repeat(60)));
        let parts = split(&pieces, Platform::X);
        assert!(parts[1].text.starts_with("Book part\n\ny y"), "{:?}", parts[1]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(48))]
        #[test]
        fn nothing_is_lost_and_nothing_is_too_long(
            text in "([a-zé🐱]{1,9}[.!?]? |https://example.org/a |\n\n|[a-z]{300} ){0,90}"
        ) {
            let pieces: Vec<Piece> = text.split("\n\n").flat_map(sentences).collect();
            let parts = split(&pieces, Platform::X);
            let of = parts.len();
            let mut joined = String::new();
            for (n, part) in parts.iter().enumerate() {
                proptest::prop_assert!(Platform::X.length(&part.text) <= 280);
                let end = number(n + 1, of);
                joined.push_str(part.text.strip_suffix(&end).unwrap_or(&part.text));
            }
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            proptest::prop_assert_eq!(bare(&joined), bare(&text));
        }
    }
}
