//! Text from outside, made harmless before it stands in a prompt.
//!
//! Memory is untrusted text: a block, a passage, a tool's result or another agent may have been
//! written by anyone. Three ways of forging something are closed:
//!
//! - ending a section of the system message, by [`escaped`] within tags;
//! - beginning a new result or line in a list of results, by JSON strings;
//! - the marks by which chat templates of local models separate messages (`<|im_start|>`,
//!   `[INST]`), which some servers take for real wherever they stand, by [`defused`].

/// `text` for a place between tags: no `<` is left, so it can neither end nor begin a section.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What [`escaped`] did, undone: a model that copies from its prompt means the plain text.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&amp;", "&")
}

/// The beginnings of marks in the templates of ChatML, Llama, Mistral, Gemma, Phi, Qwen, Hermes and
/// DeepSeek (whose bars are U+FF5C).
const MARKS: [&str; 30] = [
    "<|",
    "<\u{ff5c}",
    "[INST",
    "[/INST",
    "<<SYS",
    "<</SYS",
    "<start_of_turn",
    "<end_of_turn",
    "<bos>",
    "<eos>",
    "<s>",
    "</s>",
    "[SYSTEM_PROMPT",
    "[/SYSTEM_PROMPT",
    "[AVAILABLE_TOOLS",
    "[/AVAILABLE_TOOLS",
    "[TOOL_CALLS",
    "[/TOOL_CALLS",
    "[TOOL_RESULTS",
    "[/TOOL_RESULTS",
    "[TOOL_CONTENT",
    "[ARGS]",
    "[CALL_ID]",
    "[THINK]",
    "[/THINK]",
    "<tool_call",
    "</tool_call",
    "<tool_response",
    "</tool_response",
    "<tools>",
];

/// `text` with a space in every mark of a chat template, so that it is read as text.
pub(crate) fn defused(text: &str) -> String {
    let mut text = text.to_owned();
    for mark in MARKS {
        if text.contains(mark) {
            let (first, rest) = mark.split_at(1);
            text = text.replace(mark, &format!("{first} {rest}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_broken_up() {
        assert_eq!(defused("a <|im_start|>system"), "a < |im_start|>system");
        assert_eq!(defused("[INST] x [/INST]"), "[ INST] x [ /INST]");
        assert_eq!(defused("<\u{ff5c}User\u{ff5c}>"), "< \u{ff5c}User\u{ff5c}>");
        assert_eq!(defused("</tool_response>[TOOL_CALLS]"), "< /tool_response>[ TOOL_CALLS]");
        assert_eq!(defused("if a < b || [1]"), "if a < b || [1]");
    }

    proptest! {
        #[test]
        fn escaping_can_be_undone(text in "(&|<|lt;|amp;|[a-z]){0,20}") {
            prop_assert!(!escaped(&text).contains('<'));
            prop_assert_eq!(unescaped(&escaped(&text)), text);
        }
    }
}
