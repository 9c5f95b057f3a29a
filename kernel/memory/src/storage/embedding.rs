//! Giving texts their vectors.

use std::error::Error;

use super::{AgentId, Collection, Storage, StorageError};

/// How many texts go to the embedding model at a time.
pub(super) const BATCH: usize = 64;

/// The longest text that goes to an embedding model, in characters: of a longer one, the beginning
/// does. It is some 1,500 tokens of English and less than 8,191, which OpenAI's models take, of any
/// language.
pub(crate) const LONGEST: usize = 6_000;

/// The part of a text that goes to an embedding model.
pub(crate) fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    text
}

/// Gives each message or passage that has no vector of this model one, and returns how many got
/// one. `embed` turns texts into vectors, one for each, in order; with an endpoint's model it is
/// [`Client::embed`](crate::client::Client::embed). Of a text of more than 6,000 characters, the
/// first 6,000 are embedded.
///
/// ```
/// use momentum_memory::message::Message;
/// use momentum_memory::storage::{
///     AgentId, Collection, MemoryStorage, NewMessage, Storage, StorageError, Timestamp,
///     embed_missing,
/// };
///
/// let storage = MemoryStorage::new();
/// let (sara, now) = (AgentId::new("sara"), Timestamp::from_millis(0));
/// storage.create_agent(&sara, now)?;
/// storage.append_messages(&sara, &[NewMessage::new(Message::user("Hello!"), now)])?;
/// // Not a model of meaning: the number of letters.
/// let lengths = |texts: &[String]| {
///     Ok::<_, StorageError>(texts.iter().map(|text| vec![text.len() as f32]).collect())
/// };
/// assert_eq!(embed_missing(&storage, &sara, Collection::Recall, "lengths", lengths)?, 1);
/// assert_eq!(embed_missing(&storage, &sara, Collection::Recall, "lengths", lengths)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`StorageError::Backend`] with `embed`'s error, or when it gives another number of vectors than
/// there are texts; whatever [`Storage::set_vectors`] says. Batches before that are kept.
pub fn embed_missing<E>(
    storage: &dyn Storage,
    agent: &AgentId,
    collection: Collection,
    model: &str,
    mut embed: impl FnMut(&[String]) -> Result<Vec<Vec<f32>>, E>,
) -> Result<u64, StorageError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let failed = |source| StorageError::Backend { doing: "embed texts", source };
    let mut n_embedded = 0;
    loop {
        let missing = storage.without_vectors(agent, collection, model, BATCH)?;
        if missing.is_empty() {
            return Ok(n_embedded);
        }
        let (items, texts): (Vec<u64>, Vec<String>) =
            missing.into_iter().map(|(item, text)| (item, cut(text))).unzip();
        let vectors = embed(&texts).map_err(|error| failed(error.into()))?;
        if vectors.len() != texts.len() {
            let what = format!("{} vectors came for {} texts", vectors.len(), texts.len());
            return Err(failed(what.into()));
        }
        let vectors: Vec<_> = items.into_iter().zip(vectors).collect();
        storage.set_vectors(agent, collection, model, &vectors)?;
        n_embedded += vectors.len() as u64;
    }
}
