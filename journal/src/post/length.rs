//! How long a text is, counted as each platform counts it.

use icu_normalizer::ComposingNormalizerBorrowed;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

use super::Platform;

/// What an address counts, however long it is: on X (transformedURLLength of twitter-text 3) and
/// on Mastodon.
const ADDRESS: usize = 23;

/// Top-level domains by which X takes a bare name such as `example.com` for an address. X knows
/// all that are registered; a name with another one is counted as the text it is.
const DOMAINS: [&str; 14] = [
    "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "dev", "app", "blog", "xyz",
    "online",
];

impl Platform {
    /// The length of a text, as the platform counts it.
    ///
    /// - X: weights of twitter-text's configuration 3, in whole characters. After composition
    ///   (NFC), a character of the ranges that hold Latin, Greek, Cyrillic and the like counts 1,
    ///   any other 2; an emoji counts 2, however many characters make it; an address 23.
    /// - Mastodon: what a reader takes for one character counts 1, an address with its scheme 23;
    ///   of `@user@server`, the server is not counted.
    /// - LinkedIn: units of UTF-16. LinkedIn has not said how it counts; none is stricter.
    /// - Markdown and text: characters.
    ///
    /// ```
    /// use momentum_journal::Platform;
    /// assert_eq!(Platform::X.length("Hi http://test.co"), 26);
    /// assert_eq!(Platform::X.length("H🐱☺👨‍👩‍👧‍👦"), 7);
    /// assert_eq!(Platform::Mastodon.length("Hi @eve@example.org"), 7);
    /// ```
    #[must_use]
    pub fn length(self, text: &str) -> usize {
        match self {
            Platform::X => weighted(text),
            Platform::Mastodon => mastodon(text),
            Platform::LinkedIn => text.encode_utf16().count(),
            Platform::Markdown | Platform::Text => text.chars().count(),
        }
    }
}

fn weighted(text: &str) -> usize {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let mut length = 0;
    for (piece, is_address) in pieces(&text, true) {
        length += if is_address { ADDRESS } else { piece.graphemes(true).map(weight).sum() };
    }
    length
}

/// The weight of one character as readers see it.
fn weight(grapheme: &str) -> usize {
    if is_emoji(grapheme) {
        return 2;
    }
    let light =
        |c: char| matches!(u32::from(c), 0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247);
    grapheme.chars().map(|c| if light(c) { 1 } else { 2 }).sum()
}

/// Whether X draws it as an emoji: a picture by itself, one made so by a selector, a flag, a key.
fn is_emoji(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    let Some(first) = chars.next() else { return false };
    let pictorial = first.is_emoji_char() && !first.is_ascii() && !matches!(first, '©' | '®' | '™');
    let selected = chars.clone().any(|c| c == '\u{fe0f}' || c == '\u{20e3}');
    let text_selected = chars.next() == Some('\u{fe0e}');
    (pictorial && !text_selected) || (first.is_emoji_char() && selected)
}

fn mastodon(text: &str) -> usize {
    let mut length = 0;
    for (piece, is_address) in pieces(text, false) {
        if is_address {
            length += ADDRESS;
        } else {
            length += without_servers(piece).graphemes(true).count();
        }
    }
    length
}

/// The text with `@user@server` cut to `@user`.
fn without_servers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let name = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let starts = rest[..at].chars().next_back().or(kept.chars().next_back());
        let (before, after) = rest.split_at(at + 1);
        kept.push_str(before);
        let user = after.find(|c| !name(c)).unwrap_or(after.len());
        kept.push_str(&after[..user]);
        rest = &after[user..];
        let is_mention = user > 0 && !starts.is_some_and(|c| c.is_alphanumeric() || c == '/');
        if let Some(server) = rest.strip_prefix('@').filter(|_| is_mention) {
            let len = server.find(|c| !name(c)).unwrap_or(server.len());
            // A full stop at its end belongs to the sentence.
            let len = server[..len].trim_end_matches(['.', '-']).len();
            if server[..len].contains('.') {
                rest = &server[len..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// The text in pieces, and whether each is an address. `bare`: names without a scheme too.
fn pieces(text: &str, bare: bool) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while at < text.len() {
        let fresh = !text[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || "@#$.-_/".contains(c));
        match fresh.then(|| address_len(&text[at..], bare)).flatten() {
            Some(len) => {
                if plain < at {
                    pieces.push((&text[plain..at], false));
                }
                pieces.push((&text[at..at + len], true));
                at += len;
                plain = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    if plain < text.len() {
        pieces.push((&text[plain..], false));
    }
    pieces
}

/// How long the address at the start of `text` is, if there is one.
fn address_len(text: &str, bare: bool) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
        .map_or(0, |scheme| scheme.len());
    if scheme == 0 && !(bare && text.starts_with(|c: char| c.is_ascii_alphanumeric())) {
        return None;
    }
    let rest = &text[scheme..];
    let host_len =
        rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).unwrap_or(rest.len());
    let host = rest[..host_len].trim_end_matches(['.', '-']);
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() < 2 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return None;
    }
    let top = labels[labels.len() - 1];
    let known = if scheme > 0 {
        top.len() >= 2 && top.chars().all(|c| c.is_alphabetic())
    } else {
        DOMAINS.contains(&top.to_ascii_lowercase().as_str())
    };
    if !known {
        return None;
    }
    let mut len = scheme + host.len();
    if host.len() == host_len {
        let port = rest[host_len..].strip_prefix(':').map_or(0, |port| {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 { digits + 1 } else { 0 }
        });
        len += port;
        let path = &text[len..];
        if path.starts_with(['/', '?']) || (scheme > 0 && path.starts_with('#')) {
            let end = path
                .find(|c: char| c.is_whitespace() || "<>\"“”«»`{}|\\^".contains(c))
                .unwrap_or(path.len());
            len += balanced(&path[..end]);
        }
    }
    Some(len)
}

/// How much of a path is address, and not the sentence around it: a full stop, or a bracket that
/// was not opened in it, ends it.
fn balanced(path: &str) -> usize {
    let mut depth = 0i32;
    let mut end = path.len();
    for (at, c) in path.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => {
                end = at;
                break;
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    path[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '…']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(platform: Platform, text: &str, expected: usize) {
        assert_eq!(platform.length(text), expected, "{platform:?} {text}");
    }

    /// From twitter-text's conformance/validate.yml, WeightedTweetsWithDiscountedEmojiCounterTest.
    #[test]
    fn x_counts_as_twitter_text_does() {
        let x = |text: &str, expected| check(Platform::X, text, expected);
        x("Hi http://test.co", 26);
        x("http://test.co", 23);
        x("285 chars- http://www.twitter.com/jack xxxxxxxxxx", 11 + 23 + 11);
        x("https://www.twitter.com/aloha ".repeat(10).trim_end(), 239);
        x(&"故人西辞".repeat(40), 320);
        x(&"😷".repeat(160), 320);
        x("the故人", 7);
        x("A\u{301}B", 2);
        x("H🐱☺👨‍👩‍👧‍👦", 7);
        x("😷👾😡🔥💩", 10);
        x("🙋🏽👨‍🎤", 4);
        x("\u{2000}\u{200a}\u{200b}\u{2010}\u{2013}\u{201c}\u{201f}", 7);
        x("randomurlrandomurlrandomurlrandomurlrandomurlrandomurlrandomurls.com", 68);
        x("🇩🇪 1️⃣", 5);
    }

    #[test]
    fn addresses_end_where_the_sentence_goes_on() {
        let x = |text: &str, expected| check(Platform::X, text, expected);
        x("(see https://example.org/a_(b)).", 5 + 23 + 2);
        x("example.com, momentum.yaml", 23 + 15);
        x("README.md and mail@example.com", 30);
        x("http://nothing", 14);
    }

    #[test]
    fn mastodon_counts_what_readers_see() {
        let m = |text: &str, expected| check(Platform::Mastodon, text, expected);
        m("@user@mastodon.social: hi", 5 + 4);
        m("Hello @eve@example.org.", 11);
        m("https://example.org/a/very/long/path?with=more#parts 👨‍👩‍👧‍👦", 25);
        m("example.com", 11);
        m("a@b is not one", 14);
    }

    #[test]
    fn linkedin_counts_units() {
        check(Platform::LinkedIn, "a🐱", 3);
        check(Platform::Text, "a🐱", 2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}|([@a-z./:()é🐱]|http://|\\.com){0,30}") {
            for platform in Platform::ALL {
                let length = platform.length(&text);
                proptest::prop_assert!(length == 0 || !text.is_empty());
            }
        }
    }
}
