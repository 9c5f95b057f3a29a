//! Counting tokens: what a text costs in a model's window.
//!
//! A model reads *tokens*, pieces of words from a fixed list, and its window is measured in them.
//! For OpenAI's models the list is known, and [`TokenCounter`] counts exactly, with `tiktoken-rs`
//! (the lists are compiled in; nothing is downloaded). For any other model it **estimates**, and
//! says so. This is the only file that names that crate.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tiktoken_rs::CoreBPE;
use tiktoken_rs::tokenizer::{Tokenizer, get_tokenizer};

use crate::message::{Message, ToolDefinition};

/// What a message costs beside its text: the marks around it, as OpenAI's cookbook gives them.
pub const PER_MESSAGE: usize = 3;
/// What a tool call costs beside its name and arguments.
pub const PER_CALL: usize = 1;
/// What the beginning of the reply costs, once a prompt.
pub const PER_PROMPT: usize = 3;

/// Longer texts are counted in pieces of this many bytes, which may count a token more a piece: the
/// time then grows with the length and no faster.
const PIECE: usize = 16 << 10;

/// So many texts are remembered with their counts.
const MOST_REMEMBERED: usize = 512;
/// Longer texts are not remembered.
const LONGEST_REMEMBERED: usize = 64 << 10;

/// Counts tokens as one model does. Cloning it is cheap.
///
/// ```
/// use momentum_memory::tokens::TokenCounter;
///
/// let exact = TokenCounter::for_model("gpt-4o");
/// assert_eq!(exact.to_string(), "o200k_base");
/// assert_eq!(exact.count("My dog is called Pixel."), 6);
///
/// let other = TokenCounter::for_model("llama-3.3-70b");
/// assert!(other.is_estimate());
/// assert_eq!(other.count("My dog is called Pixel."), 7);
/// ```
#[derive(Clone)]
pub struct TokenCounter {
    tokenizer: Option<Tokenizer>,
    remembered: Arc<Mutex<HashMap<String, usize>>>,
}

impl TokenCounter {
    /// The counter for a model by its name. A provider's name before a slash (`openai/gpt-4o`) is
    /// left out. For names that are not known it estimates.
    pub fn for_model(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        TokenCounter { tokenizer: get_tokenizer(name), remembered: Arc::default() }
    }

    /// A counter that estimates, whatever the model: by words and signs, as
    /// [`estimate`] says.
    pub fn estimating() -> Self {
        TokenCounter { tokenizer: None, remembered: Arc::default() }
    }

    /// Whether the counts are estimates.
    pub fn is_estimate(&self) -> bool {
        self.tokenizer.is_none()
    }

    /// The tokens of a text.
    pub fn count(&self, text: &str) -> usize {
        if text.len() > LONGEST_REMEMBERED || text.len() < 32 {
            return self.count_afresh(text);
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = remembered.get(text) {
            return *n;
        }
        let n = self.count_afresh(text);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(text.to_owned(), n);
        n
    }

    fn count_afresh(&self, text: &str) -> usize {
        let Some(tokenizer) = self.tokenizer else { return estimate(text) };
        let encoding = encoding(tokenizer);
        pieces(text).map(|piece| encoding.count_ordinary(piece)).sum()
    }

    /// The tokens of a message in a prompt: its role and text, the names and arguments of its tool
    /// calls, and the marks around them.
    pub fn count_message(&self, message: &Message) -> usize {
        let calls = message.tool_calls.iter();
        let calls = calls
            .map(|call| PER_CALL + self.count(&call.name) + self.count_afresh(&call.arguments));
        let text = self.count_afresh(&message.text);
        PER_MESSAGE + self.count(message.role.as_str()) + text + calls.sum::<usize>()
    }

    /// The tokens of a tool's definition, as the JSON in which it is sent. How an endpoint writes
    /// it into the prompt is its own affair, and mostly shorter.
    pub fn count_tool(&self, tool: &ToolDefinition) -> usize {
        self.count(&crate::wire::encode_tool(tool).to_string())
    }
}

impl Default for TokenCounter {
    fn default() -> Self {
        Self::estimating()
    }
}

impl fmt::Display for TokenCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.tokenizer {
            None => "estimate",
            Some(Tokenizer::O200kBase) => "o200k_base",
            Some(Tokenizer::O200kHarmony) => "o200k_harmony",
            Some(Tokenizer::Cl100kBase) => "cl100k_base",
            Some(Tokenizer::P50kBase) => "p50k_base",
            Some(Tokenizer::P50kEdit) => "p50k_edit",
            Some(Tokenizer::R50kBase) => "r50k_base",
            Some(Tokenizer::Gpt2) => "gpt2",
        })
    }
}

impl fmt::Debug for TokenCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenCounter({self})")
    }
}

/// The encoding, built on first use (a fifth of a second) and kept.
fn encoding(tokenizer: Tokenizer) -> &'static CoreBPE {
    match tokenizer {
        Tokenizer::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Tokenizer::O200kHarmony => tiktoken_rs::o200k_harmony_singleton(),
        Tokenizer::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
        Tokenizer::P50kBase => tiktoken_rs::p50k_base_singleton(),
        Tokenizer::P50kEdit => tiktoken_rs::p50k_edit_singleton(),
        Tokenizer::R50kBase | Tokenizer::Gpt2 => tiktoken_rs::r50k_base_singleton(),
    }
}

/// A text in pieces of at most [`PIECE`] bytes, cut between characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The tokens of a text for a model whose own list is not known: one for every five letters of a
/// word begun, one for every two digits begun, one for each other sign and for each run of line
/// breaks, and one for each character beyond ASCII. Single spaces cost nothing, as in the known
/// lists. For prose, JSON, code and keys that is the true count of `o200k_base` or up to twice as
/// much (a test holds that), so a window that is kept by estimate is kept.
pub fn estimate(text: &str) -> usize {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Letter,
        Digit,
        Blank,
        Break,
        Other,
    }
    let mut n = 0;
    let (mut run, mut length) = (Kind::Other, 0_usize);
    for c in text.chars() {
        let kind = match c {
            'a'..='z' | 'A'..='Z' => Kind::Letter,
            '0'..='9' => Kind::Digit,
            '\n' | '\r' => Kind::Break,
            ' ' => Kind::Blank,
            _ => Kind::Other,
        };
        length = if kind == run { length + 1 } else { 1 };
        run = kind;
        n += usize::from(match kind {
            Kind::Letter => length % 5 == 1,
            Kind::Digit => length % 2 == 1,
            Kind::Blank => length % 4 == 2,
            Kind::Break => length % 4 == 1,
            Kind::Other => true,
        });
    }
    n
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tiktoken_rs::{ChatCompletionRequestMessage, num_tokens_from_messages};

    use super::*;

    #[test]
    fn the_encoding_follows_from_the_models_name() {
        let check = |model: &str, expected: &str| {
            assert_eq!(TokenCounter::for_model(model).to_string(), expected, "{model}");
        };
        check("gpt-4o-mini", "o200k_base");
        check("openai/gpt-4.1", "o200k_base");
        check("o3-mini", "o200k_base");
        check("gpt-oss-120b", "o200k_harmony");
        check("gpt-4", "cl100k_base");
        check("text-embedding-3-small", "cl100k_base");
        check("rule-based-tutor-1", "estimate");
        check("qwen3:8b", "estimate");
        check("", "estimate");
    }

    #[test]
    fn messages_are_counted_as_the_cookbook_does() {
        let counter = TokenCounter::for_model("gpt-4o");
        let texts = ["You are kind.", "My dog is called Pixel.", "日本語 <|im_end|> \n\n x", ""];
        let ours = texts.map(Message::user);
        let theirs = texts.map(|text| ChatCompletionRequestMessage {
            role: "user".to_owned(),
            content: Some(text.replace("<|im_end|>", "< |im_end|>")),
            ..Default::default()
        });
        let ours = ours.map(|mut message| {
            message.text = message.text.replace("<|im_end|>", "< |im_end|>");
            counter.count_message(&message)
        });
        let expected = num_tokens_from_messages("gpt-4o", &theirs).unwrap();
        assert_eq!(PER_PROMPT + ours.iter().sum::<usize>(), expected);
    }

    #[test]
    fn an_estimate_is_rarely_too_low_and_not_far_too_high() {
        let exact = TokenCounter::for_model("gpt-4o");
        let tools = crate::tool::schema_of::<(String, u64)>().to_string();
        let samples = [
            include_str!("tokens.rs"),
            include_str!("agent/instructions.txt"),
            &tools,
            "9f86d081884c7d659a2feaa0c55ad015 a3bf4f1b-2b0b-4822-8d15-5d6c15b0f00a"
                .repeat(9)
                .as_str(),
            "A patient study companion. It remembers what you tell it, and it says so.",
            "Ich wohne in Köln und lerne seit zwei Jahren Rust, weil es mir Freude macht.",
            "我住在里昂，我有一只叫像素的狗。",
        ]
        .map(str::to_owned);
        for sample in samples {
            let (n, truth) = (estimate(&sample), exact.count(&sample));
            let start: String = sample.chars().take(30).collect();
            assert!(n >= truth, "{start:?}: {n} < {truth}");
            assert!(n <= 2 * truth, "{start:?}: {n} > 2 * {truth}");
        }
    }

    #[test]
    fn long_texts_are_counted_in_pieces() {
        let exact = TokenCounter::for_model("gpt-4o");
        let text = "é and a long tale. ".repeat(20_000);
        let whole = encoding(Tokenizer::O200kBase).count_ordinary(&text);
        assert!(exact.count(&text).abs_diff(whole) <= 2 * (text.len() / PIECE + 1));
    }

    proptest! {
        #[test]
        fn any_text_is_counted(text in "\\PC{0,200}|[ \n\t<|>]{0,200}") {
            let exact = TokenCounter::for_model("gpt-4o");
            prop_assert_eq!(exact.count(&text), exact.count(&text));
            prop_assert_eq!(exact.count(&text), encoding(Tokenizer::O200kBase).count_ordinary(&text));
            prop_assert!(estimate(&text) <= 2 * text.len());
        }
    }
}
