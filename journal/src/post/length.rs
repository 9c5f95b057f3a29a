//! How long a text is, counted as each platform counts it.

use icu_normalizer::ComposingNormalizerBorrowed;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

use super::Platform;

/// What an address counts, however long it is: on X (transformedURLLength of twitter-text 3) and
/// on Mastodon.
const ADDRESS: usize = 23;

/// The top-level domains by which X takes a bare name such as `docs.rs` for an address, and
/// `README.md` too: those of twitter-text's `conformance/tld_lib.yml` in ASCII.
const DOMAINS: &str = include_str!("domains.txt");

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

/// The text in pieces, and whether each is an address. `bare`: as X finds them, which takes names
/// without a scheme too.
fn pieces(text: &str, bare: bool) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while at < text.len() {
        let before = text[..at].chars().next_back();
        // Chinese or Japanese letters may stand right before one, as they stand without spaces.
        let fresh = !before.is_some_and(|c| in_name(c) && c != '-' || "@＠#＃$".contains(c));
        let follows = before.is_some_and(|c| "-_./".contains(c));
        match fresh.then(|| address_len(&text[at..], bare, !follows)).flatten() {
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

/// Whether a name without a scheme may have it: ASCII and Latin letters with accents.
fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || (matches!(c, 'À'..='\u{24f}') && c.is_alphabetic())
}

/// Whether X lets a path go on with it.
fn in_path(c: char) -> bool {
    c.is_ascii() || in_name(c) || matches!(c, '–' | '\u{400}'..='\u{4ff}')
}

fn is_known(top: &str) -> bool {
    let top = top.to_ascii_lowercase();
    DOMAINS.split_ascii_whitespace().any(|known| known == top)
}

/// How long the address at the start of `text` is, if there is one. `nameless`: it may lack its
/// scheme there.
fn address_len(text: &str, bare: bool, nameless: bool) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
        .map_or(0, |scheme| scheme.len());
    let starts = |c: char| c.is_alphanumeric() && in_name(c);
    if scheme == 0 && !(bare && nameless && text.starts_with(starts)) {
        return None;
    }
    let rest = &text[scheme..];
    let in_host = |c: char| {
        c == '.' || if scheme == 0 { in_name(c) } else { c.is_alphanumeric() || c == '-' }
    };
    let all = &rest[..rest.find(|c| !in_host(c)).unwrap_or(rest.len())];
    let host = if scheme == 0 { known_part(rest, all)? } else { all.trim_end_matches(['.', '-']) };
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() < 2 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return None;
    }
    let top = labels[labels.len() - 1];
    if top.chars().count() < 2 || !top.chars().all(char::is_alphabetic) {
        return None;
    }
    let mut len = scheme + host.len();
    if host.len() == all.len() {
        let port = rest[all.len()..].strip_prefix(':').map_or(0, |port| {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 { digits + 1 } else { 0 }
        });
        len += port;
        let path = &text[len..];
        if path.starts_with(['/', '?']) || (scheme > 0 && path.starts_with('#')) {
            let ends = |c: char| {
                c.is_whitespace() || "<>\"“”«»`{}|\\^".contains(c) || (bare && !in_path(c))
            };
            len += balanced(&path[..path.find(ends).unwrap_or(path.len())]);
        }
    }
    Some(len)
}

/// The longest part of `host`, the start of `text`, that ends with a domain X knows.
fn known_part<'a>(text: &str, host: &'a str) -> Option<&'a str> {
    let dots = host.match_indices('.').map(|(at, _)| at);
    let ends: Vec<usize> = dots.chain([host.len()]).skip(1).collect();
    ends.into_iter().rev().map(|end| &host[..end]).find(|part| {
        let top = part.rsplit('.').next().unwrap_or_default();
        let goes_on = |c: char| c.is_ascii_alphanumeric() || "@+-".contains(c);
        is_known(top) && !text[part.len()..].starts_with(goes_on)
    })
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
        // Moldova's domain: X makes a link of it.
        x("README.md and mail@example.com", 23 + 21);
        x("http://nothing", 14);
        x("By docs.rs. Version 0.12.3, i.e. v1.2", 3 + 23 + 27);
        x("std::fs is in std.fs.none", 25);
    }

    /// From twitter-text's conformance/extract.yml.
    #[test]
    fn x_finds_addresses_where_twitter_text_does() {
        let check = |text: &str, expected: &[&str]| {
            let found = pieces(text, true).into_iter().filter(|(_, is_address)| *is_address);
            assert_eq!(found.map(|(address, _)| address).collect::<Vec<_>>(), expected);
        };
        check(
            "foo.baz foo.co.jp www.xxxxxxx.baz www.foo.co.uk wwwww.xxxxxxx foo.comm foo.somecom foo.govedu foo.jp",
            &["foo.co.jp", "www.foo.co.uk", "foo.jp"],
        );
        check("t.co/abcde bit.ly/abcde", &["t.co/abcde", "bit.ly/abcde"]);
        check(
            "twitter.comこれは日本語です。example.com中国語t.co/abcde한국twitter.com example2.comテストtwitter.com/abcde",
            &[
                "twitter.com",
                "example.com",
                "t.co/abcde",
                "twitter.com",
                "example2.com",
                "twitter.com/abcde",
            ],
        );
        check(
            "http://twitter.com/これは日本語です。example.com中国語http://t.co/abcde한국twitter.com",
            &["http://twitter.com/", "example.com", "http://t.co/abcde", "twitter.com"],
        );
        check("Go to http://twitter.com/Русские_слова", &["http://twitter.com/Русские_слова"]);
        check(
            "https://en.m.wikipedia.org/wiki/Hatfield–McCoy_feud please",
            &["https://en.m.wikipedia.org/wiki/Hatfield–McCoy_feud"],
        );
        check(
            "twitter.jp日本語it.so中国語foo.jp it.so",
            &["twitter.jp", "it.so", "foo.jp", "it.so"],
        );
        check("MLB.tv vine.co twitch.tv t.co", &["MLB.tv", "vine.co", "twitch.tv", "t.co"]);
        check("name.al-lastname@foo.com or name.al+lastname@foo.com", &[]);
        check("Find my page at name.al-lastname.com", &["name.al-lastname.com"]);
        check("john.doe.jp@mail.com", &[]);
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
