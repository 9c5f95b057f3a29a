//! Places in a text: Jupyter counts Unicode code points, Rust counts bytes.

/// The byte offset of the `n`-th code point; the text's length when it has fewer.
pub(super) fn byte_offset(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(offset, _)| offset)
}

/// How many code points start before a byte offset; an offset inside one counts it.
pub(super) fn code_points(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < offset).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_points_are_not_bytes() {
        let text = "é𝕏x";
        assert_eq!(byte_offset(text, 0), 0);
        assert_eq!(byte_offset(text, 1), 2);
        assert_eq!(byte_offset(text, 2), 6);
        assert_eq!(byte_offset(text, 9), 7);
        assert_eq!(code_points(text, 6), 2);
        assert_eq!(code_points(text, 99), 3);
    }

    proptest! {
        #[test]
        fn there_and_back(text in "\\PC*", n in 0usize..40) {
            let n = n.min(text.chars().count());
            let offset = byte_offset(&text, n);
            prop_assert!(text.is_char_boundary(offset));
            prop_assert_eq!(code_points(&text, offset), n);
        }
    }
}
