//! An embedding model that runs in this process: a BERT encoder from a folder that you have.
//!
//! A folder as the `sentence-transformers` project saves it: `config.json`, `vocab.txt`,
//! `model.safetensors`, and, where the model says more, `tokenizer_config.json`,
//! `sentence_bert_config.json` and `1_Pooling/config.json`. No weights come with this library, and
//! nothing is downloaded. all-MiniLM-L6-v2 (Apache-2.0, 90 MB) is such a model.
//!
//! ```text
//! text ──word_piece──► tokens ──embeddings──► [tokens, width] ──layers──► [tokens, width]
//!      ──mean of the tokens, or the first──► [width] ──► length 1
//! ```
//!
//! It is BERT (Devlin et al. 2018, [arXiv 1810.04805](https://arxiv.org/abs/1810.04805)) with the
//! pooling of Sentence-BERT (Reimers and Gurevych 2019,
//! [arXiv 1908.10084](https://arxiv.org/abs/1908.10084)), in plain Rust on the CPU. It is not a
//! general runtime: other architectures, prompts before a text, and other pooling are refused.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use momentum_memory::prelude::*;
//! use momentum_memory::sentence_model::SentenceModel;
//! use momentum_memory::storage::{SearchByMeaning, SqliteStorage};
//!
//! let model = SentenceModel::open("all-MiniLM-L6-v2")?;
//! let storage = SearchByMeaning::new(SqliteStorage::open("sara.sqlite")?, model);
//! let mut agent = Agent::open(Client::connect()?, Arc::new(storage), "sara")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encoder;
mod error;
mod folder;
mod linear;
mod weights;
mod word_piece;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use self::encoder::Encoder;
pub use self::error::SentenceModelError;
use self::folder::{Folder, Pooling};
use self::weights::Weights;
use self::word_piece::WordPiece;
use crate::storage::Embedder;

/// A BERT sentence encoder, read from a folder.
pub struct SentenceModel {
    name: String,
    word_piece: WordPiece,
    encoder: Encoder,
    pooling: Pooling,
}

impl SentenceModel {
    /// Reads the model. That takes as long as reading its file (90 MB for all-MiniLM-L6-v2), and
    /// as much memory.
    ///
    /// # Errors
    /// [`SentenceModelError`] with the file that is missing, damaged, or of a model of another
    /// kind.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, SentenceModelError> {
        let folder = Folder::read(folder.as_ref())?;
        let weights = Weights::read(&folder.weights)?;
        let encoder = Encoder::new(&folder, &weights)?;
        let word_piece = WordPiece::new(&folder)?;
        let name = format!("bert-{}x{}-{}", folder.n_layers, folder.width, weights.digest());
        Ok(SentenceModel { name, word_piece, encoder, pooling: folder.pooling })
    }

    /// The name under which a storage keeps its vectors. It holds a part of the weights' SHA-256,
    /// so that vectors of different models are never compared.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many numbers a vector has.
    pub fn dimension(&self) -> usize {
        self.encoder.width()
    }

    /// The vector of a text, of length 1. Of longer texts than the model takes (256 tokens for
    /// all-MiniLM-L6-v2), only the beginning counts.
    pub fn embed_one(&self, text: &str) -> Vec<f32> {
        let tokens = self.word_piece.tokens(text);
        let states = self.encoder.states(&tokens);
        let width = self.encoder.width();
        let mut vector = vec![0.0; width];
        match self.pooling {
            Pooling::First => vector.copy_from_slice(&states[..width]),
            Pooling::Mean => {
                for state in states.chunks_exact(width) {
                    vector.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
                }
            }
        }
        crate::storage::unit(&vector)
    }

    /// The vectors of texts, in order, computed on all cores. The bits do not depend on how many
    /// there are.
    pub fn embed(&self, texts: &[String]) -> Vec<Vec<f32>> {
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = texts.len().div_ceil(n_threads).max(1);
        let mut vectors = Vec::with_capacity(texts.len());
        std::thread::scope(|scope| {
            let one = |some: &[String]| -> Vec<Vec<f32>> {
                some.iter().map(|text| self.embed_one(text)).collect()
            };
            let mut parts = texts.chunks(share);
            let first = parts.next().unwrap_or_default();
            let others: Vec<_> = parts.map(|part| scope.spawn(move || one(part))).collect();
            vectors.extend(one(first));
            for other in others {
                match other.join() {
                    Ok(part) => vectors.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        vectors
    }
}

impl Embedder for SentenceModel {
    fn name(&self) -> &str {
        SentenceModel::name(self)
    }

    fn embed(
        &self,
        texts: &[String],
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(SentenceModel::embed(self, texts))
    }
}

impl fmt::Debug for SentenceModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentenceModel").field("name", &self.name).finish_non_exhaustive()
    }
}
