//! What a model's folder says of it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SentenceModelError;

/// How the vectors of the tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's, `[CLS]`.
    First,
}

/// The configuration, and where the large files are.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) weights: PathBuf,
    pub(super) vocabulary: PathBuf,
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) n_layers: usize,
    pub(super) n_heads: usize,
    pub(super) epsilon: f32,
    /// The most tokens of a text, with the two around it.
    pub(super) longest: usize,
    pub(super) is_lower_case: bool,
    pub(super) pooling: Pooling,
}

#[derive(Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    layer_norm_eps: f32,
    position_embedding_type: Option<String>,
}

#[derive(Deserialize, Default)]
struct Sentences {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize, Default)]
struct Tokenizer {
    do_lower_case: Option<bool>,
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

/// The file's content; [`None`] when there is no such file.
fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SentenceModelError> {
    if path.exists() { required(path).map(Some) } else { Ok(None) }
}

fn required<T: DeserializeOwned>(path: &Path) -> Result<T, SentenceModelError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SentenceModelError::File { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|source| SentenceModelError::Configuration { path: path.to_owned(), source })
}

impl Folder {
    pub(super) fn read(folder: &Path) -> Result<Self, SentenceModelError> {
        let path = folder.join("config.json");
        let config: Config = required(&path)?;
        let other = |field, found: &dyn ToString, expected| SentenceModelError::OtherKind {
            path: path.clone(),
            field,
            found: found.to_string(),
            expected,
        };
        if config.model_type != "bert" {
            return Err(other("model_type", &config.model_type, "bert"));
        }
        if config.hidden_act != "gelu" {
            return Err(other("hidden_act", &config.hidden_act, "gelu"));
        }
        if let Some(kind) = config.position_embedding_type.filter(|kind| kind != "absolute") {
            return Err(other("position_embedding_type", &kind, "absolute"));
        }
        let (width, n_heads) = (config.hidden_size, config.num_attention_heads);
        if width == 0 || n_heads == 0 || !width.is_multiple_of(n_heads) {
            return Err(other("num_attention_heads", &n_heads, "a divisor of `hidden_size`"));
        }
        let path = folder.join("1_Pooling/config.json");
        let pooling: Option<PoolingConfig> = optional(&path)?;
        let pooling = match pooling {
            None => Pooling::Mean,
            Some(config) => {
                match (config.pooling_mode_mean_tokens, config.pooling_mode_cls_token) {
                    (true, false) => Pooling::Mean,
                    (false, true) => Pooling::First,
                    _ => {
                        return Err(SentenceModelError::OtherKind {
                            path,
                            field: "pooling_mode",
                            found: "another one".to_owned(),
                            expected: "the mean of the tokens or the first token alone",
                        });
                    }
                }
            }
        };
        let sentences: Sentences =
            optional(&folder.join("sentence_bert_config.json"))?.unwrap_or_default();
        let tokenizer: Tokenizer =
            optional(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let longest = sentences.max_seq_length.unwrap_or(usize::MAX);
        Ok(Folder {
            weights: folder.join("model.safetensors"),
            vocabulary: folder.join("vocab.txt"),
            width,
            inner: config.intermediate_size,
            n_layers: config.num_hidden_layers,
            n_heads,
            epsilon: config.layer_norm_eps,
            longest: longest.min(config.max_position_embeddings).max(2),
            is_lower_case: tokenizer.do_lower_case.unwrap_or(true),
            pooling,
        })
    }
}
