//! Texts that are the same but for numbers that are nearly so.

/// Whether two texts are the same, numbers being the same when they are no further apart than
/// `tolerance` times the larger one. Noise around zero is zero ([`ZERO`]). Space at the end of the
/// text does not count.
pub(super) fn same(old: &str, new: &str, tolerance: f64) -> bool {
    let (old, new) = (old.trim_end(), new.trim_end());
    if old == new {
        return true;
    }
    let (mut left, mut right) = (pieces(old), pieces(new));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b => {}
            (Some(Piece::Number(a)), Some(Piece::Number(b))) if near(a, b, tolerance) => {}
            _ => return false,
        }
    }
}

/// No number counts as smaller than this when a share of it is taken: what rounding leaves of
/// `1 - 1` is as good as zero.
const ZERO: f64 = 1e-6;

fn near(a: &str, b: &str, tolerance: f64) -> bool {
    let (Ok(a), Ok(b)) = (a.replace('_', "").parse::<f64>(), b.replace('_', "").parse::<f64>())
    else {
        return false;
    };
    if !a.is_finite() || !b.is_finite() {
        return a == b;
    }
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(ZERO)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece<'a> {
    Number(&'a str),
    Other(&'a str),
}

/// A text as numbers and what stands between them. Digits within a word are no number.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut in_word = false;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let len = if in_word { 0 } else { number_len(rest) };
        if len > 0 {
            let (number, after) = rest.split_at(len);
            rest = after;
            in_word = true;
            return Some(Piece::Number(number));
        }
        let mut end = first.len_utf8();
        in_word = goes_on(first, in_word);
        while let Some(c) = rest[end..].chars().next() {
            if !in_word && number_len(&rest[end..]) > 0 {
                break;
            }
            in_word = goes_on(c, in_word);
            end += c.len_utf8();
        }
        let (other, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Other(other))
    })
}

/// Whether a word goes on with a character: `v1.5.2` is one, `10. 5` is not.
fn goes_on(c: char, in_word: bool) -> bool {
    c.is_alphanumeric() || c == '_' || (in_word && c == '.')
}

/// How long the number at the start is: `-1_000.5e-3`; 0 where there is none.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    if !bytes.get(sign).is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    let mut len = sign + digits(sign);
    if bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) {
        len += 1 + digits(len + 1);
    }
    if matches!(bytes.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(len + 1), Some(b'-' | b'+')));
        if bytes.get(len + 1 + sign).is_some_and(u8::is_ascii_digit) {
            len += 1 + sign + digits(len + 1 + sign);
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, tolerance: f64, expected: bool) {
        assert_eq!(same(old, new, tolerance), expected, "{old} / {new}");
    }

    #[test]
    fn numbers_may_be_a_little_apart() {
        check("loss 0.123456789 after 10", "loss 0.123456791 after 10\n", 1e-6, true);
        check("loss 0.1234", "loss 0.1235", 1e-6, false);
        check("loss 0.1234", "loss 0.1235", 1e-3, true);
        check("1e-3 and -2.5", "0.001 and -2.50", 0.0, true);
        check("[1, 2]", "[1, 2, 3]", 1.0, false);
        check("100000", "100001", 1e-6, false);
        check("1_000_000", "1000000.5", 1e-6, true);
        // Small numbers have the same tolerance as large ones.
        check("rate 1e-7", "rate 3e-7", 1e-6, false);
        check("0.00012345678", "0.00012345679", 1e-6, true);
        check("1.2e-17", "-3e-18", 1e-6, true);
        check("0", "1e-3", 1e-6, false);
    }

    #[test]
    fn words_are_not_numbers() {
        check("layer1", "layer2", 10.0, false);
        check("a 1 b", "a 1 c", 10.0, false);
        check("v1.5.2", "v1.5.3", 10.0, false);
        check("", "1", 10.0, false);
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_the_same_as_itself(text in "\\PC{0,40}|[-+0-9.eE_ a]{0,30}") {
            proptest::prop_assert!(same(&text, &text.clone(), 0.0));
            let joined: String = pieces(&text)
                .map(|piece| match piece { Piece::Number(text) | Piece::Other(text) => text })
                .collect();
            proptest::prop_assert_eq!(joined, text);
        }
    }
}
