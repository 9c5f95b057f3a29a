//! Messages that the compiler shows: texts with numbers, put together while compiling.

/// A text of limited length that a constant function can write.
pub(super) struct Lesson {
    bytes: [u8; 160],
    len: usize,
}

impl Lesson {
    /// Why a flattening does not fit.
    pub(super) const fn flatten(
        channels: usize,
        height: usize,
        width: usize,
        given: usize,
    ) -> Self {
        let mut lesson = Lesson { bytes: [0; 160], len: 0 };
        lesson.write("Flatten<");
        lesson.number(given);
        lesson.write("> does not fit: expected the ");
        lesson.number(channels * height * width);
        lesson.write(" features of ");
        lesson.number(channels);
        lesson.write(" maps of ");
        lesson.number(height);
        lesson.write(" x ");
        lesson.number(width);
        lesson.write(" pixels. Change: write Flatten<");
        lesson.number(channels * height * width);
        lesson.write(">");
        lesson
    }

    /// The text.
    pub(super) const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "the sizes do not fit",
        }
    }

    /// What has no room is left out.
    const fn write(&mut self, text: &str) {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
    }

    const fn number(&mut self, n: usize) {
        if n >= 10 {
            self.number(n / 10);
        }
        let digit = [b'0' + (n % 10) as u8];
        if let Ok(digit) = std::str::from_utf8(&digit) {
            self.write(digit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_holds_its_numbers() {
        insta::assert_snapshot!(Lesson::flatten(8, 13, 13, 1350).text(), @"Flatten<1350> does not fit: expected the 1352 features of 8 maps of 13 x 13 pixels. Change: write Flatten<1352>");
    }
}
