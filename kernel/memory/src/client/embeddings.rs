//! Vectors of texts from the endpoint, in batches.

use std::sync::Arc;

use serde_json::Value;

use super::exchange::Exchange;
use super::{Client, ClientError};
use crate::storage::embedding::cut;
use crate::storage::{AgentId, Collection, Embedder, QueryVector, Storage, StorageError};
use crate::{runtime, wire};

/// Why the vectors of a storage are not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// The endpoint made none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The storage did not keep them.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The most texts that are sent at once. OpenAI takes 2,048, smaller servers less.
const BATCH: usize = 128;

impl Client {
    /// The name of the embedding model, if one is configured.
    pub fn embedding_model(&self) -> Option<&str> {
        self.inner.config.embedding_model.as_deref()
    }

    /// The vectors of these texts by the embedding model of the configuration, in the same order,
    /// all of the same length. Many texts are sent in batches of 128.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::NoEmbeddingModel`] when none is configured. The tutor model
    /// has none.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ClientError> {
        let (client, texts) = (self.clone(), texts.to_vec());
        runtime::wait(async move { client.embed_async(&texts).await })?
    }

    /// As [`embed`](Self::embed), for callers who are asynchronous themselves. Needs a tokio
    /// runtime around it.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub async fn embed_async(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ClientError> {
        let model = self.embedding_model().ok_or(ClientError::NoEmbeddingModel)?;
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let body = wire::encode_embedding_request(batch, model);
            let exchange = Exchange::new(Arc::clone(&self.inner));
            let openai = self.inner.openai_over(&exchange)?;
            let sent = openai.embeddings().create_byot::<Value, Value>(body).await;
            let body = sent.map_err(|error| self.inner.error(&exchange, error))?;
            exchange.record()?;
            let batch = wire::decode_embeddings(&body, batch.len())?;
            if let (Some(first), Some(new)) = (vectors.first(), batch.first())
                && first.len() != new.len()
            {
                let (expected, found) = (first.len(), new.len());
                return Err(ClientError::Dimension { expected, found });
            }
            vectors.extend(batch);
        }
        Ok(vectors)
    }

    /// The vector of a question, for a [`Search`](crate::storage::Search) by meaning.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub fn query_vector(&self, question: &str) -> Result<QueryVector, ClientError> {
        let model = self.embedding_model().ok_or(ClientError::NoEmbeddingModel)?.to_owned();
        let vectors = self.embed(&[question.to_owned()])?;
        // One text, one vector: `embed` has seen to it.
        Ok(QueryVector { model, values: vectors.into_iter().next().unwrap_or_default() })
    }

    /// Makes the vectors that an agent's messages or passages do not have yet, and keeps them in
    /// its storage, batch by batch: what was done before an error stays. Of a text of more than
    /// 6,000 characters, the first 6,000 are embedded. Returns how many.
    ///
    /// # Errors
    /// [`EmbeddingError`] when the endpoint makes none or the storage does not keep them.
    pub fn embed_missing(
        &self,
        storage: &dyn Storage,
        agent: &AgentId,
        collection: Collection,
    ) -> Result<usize, EmbeddingError> {
        let model = self.embedding_model().ok_or(ClientError::NoEmbeddingModel)?;
        let mut n_made = 0;
        loop {
            let missing = storage.without_vectors(agent, collection, model, BATCH)?;
            if missing.is_empty() {
                return Ok(n_made);
            }
            let (ids, texts): (Vec<u64>, Vec<String>) =
                missing.into_iter().map(|(id, text)| (id, cut(text))).unzip();
            let vectors: Vec<_> = ids.into_iter().zip(self.embed(&texts)?).collect();
            storage.set_vectors(agent, collection, model, &vectors)?;
            n_made += vectors.len();
        }
    }
}

/// The endpoint's embedding model. Without one in the configuration, [`embed`](Embedder::embed)
/// says so.
impl Embedder for Client {
    fn name(&self) -> &str {
        self.embedding_model().unwrap_or_default()
    }

    fn embed(
        &self,
        texts: &[String],
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Client::embed(self, texts)?)
    }
}
