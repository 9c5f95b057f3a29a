//! A storage that gives its texts vectors by itself.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::embedding::{BATCH, cut};
use super::{
    Access, AgentId, AgentRecord, AttachedBlock, Author, BlockEdit, BlockId, Collection,
    EditRequest, Fact, FactOutcome, FactQuery, Hit, Match, MessageFilter, NewBlock, NewFact,
    NewMessage, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, QueryVector,
    Search, Storage, StorageError, StoredBlock, StoredMessage, Timestamp,
};

/// What turns texts into vectors: an endpoint's embedding model
/// ([`Client`](crate::client::Client)), or one in this process
/// ([`SentenceModel`](crate::sentence_model::SentenceModel)).
pub trait Embedder: fmt::Debug + Send + Sync {
    /// The model's name. Vectors are compared only with those of the same name.
    fn name(&self) -> &str;

    /// The vectors of these texts: one for each, in order, all of one length.
    ///
    /// # Errors
    /// What the model says.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>>;
}

/// A storage whose ranked searches find by meaning too: each gets the vector of its question, and
/// before it all texts that have no vector yet get one. All else goes to the storage inside.
///
/// Texts are embedded when something is searched, not when they are written, so that no step of an
/// agent waits for it. The first search in a large storage waits: call
/// [`embed_missing`](super::embed_missing) before it if that matters. Of a text of more than 6,000
/// characters, the first 6,000 are embedded.
///
/// No search fails because the embedder does. While it answers nothing, searches go by words alone,
/// which `tracing` is told once, as a warning. A text that it refuses twice, though it takes the
/// question, gets a vector of zeros, which is like nothing: the text is found by its words, and is
/// not asked for again. So is a text without any words.
///
/// ```
/// use momentum_memory::message::Message;
/// use momentum_memory::storage::{
///     AgentId, Embedder, MemoryStorage, NewMessage, Search, SearchByMeaning, Storage, Timestamp,
/// };
///
/// /// Knows two meanings: pets and the rest.
/// #[derive(Debug)]
/// struct Pets;
///
/// impl Embedder for Pets {
///     fn name(&self) -> &str {
///         "pets"
///     }
///
///     fn embed(
///         &self,
///         texts: &[String],
///     ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
///         let is_pet = |text: &String| text.contains("dog") || text.contains("animal");
///         Ok(texts.iter().map(|t| if is_pet(t) { vec![1.0, 0.0] } else { vec![0.0, 1.0] }).collect())
///     }
/// }
///
/// let storage = SearchByMeaning::new(MemoryStorage::new(), Pets);
/// let (sara, now) = (AgentId::new("sara"), Timestamp::from_millis(0));
/// storage.create_agent(&sara, now)?;
/// let said = ["It rains.", "We have a dog.", "It is late."].map(Message::user);
/// storage.append_messages(&sara, &said.map(|message| NewMessage::new(message, now)))?;
///
/// let page = storage.search_messages(&sara, &Search::ranked("Which animals?"))?;
/// assert_eq!(page.items[0].item.message.text, "We have a dog.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SearchByMeaning<S> {
    inner: S,
    embedder: Box<dyn Embedder>,
    /// Whether the embedder failed when it was last asked.
    is_silent: AtomicBool,
}

type EmbedderError = Box<dyn Error + Send + Sync>;

/// The text of a search, which the embedder took, and its vector.
struct Question<'a> {
    text: &'a str,
    vector: Vec<f32>,
}

impl<S: Storage> SearchByMeaning<S> {
    /// A storage with an embedder.
    pub fn new(storage: S, embedder: impl Embedder + 'static) -> Self {
        SearchByMeaning {
            inner: storage,
            embedder: Box::new(embedder),
            is_silent: AtomicBool::new(false),
        }
    }

    /// The storage inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The search with its question's vector; as it is when it needs none or there is none.
    fn with_vector<Filter: Clone>(
        &self,
        agent: &AgentId,
        collection: Collection,
        search: &Search<Filter>,
    ) -> Result<Search<Filter>, StorageError> {
        let mut search = search.clone();
        let is_blank = search.text.trim().is_empty();
        if search.matching != Match::Ranked || search.vector.is_some() || is_blank {
            return Ok(search);
        }
        // First of all: when the embedder is not there, it is asked this once.
        let vector = match self.embed(&[&search.text]) {
            Ok(vectors) => vectors.into_iter().next().unwrap_or_default(),
            Err(error) => {
                self.tell(&*error);
                return Ok(search);
            }
        };
        let question = Question { text: &search.text, vector };
        self.embed_missing(agent, collection, &question)?;
        let (model, values) = (self.embedder.name().to_owned(), question.vector);
        search.vector = Some(QueryVector { model, values });
        Ok(search)
    }

    /// Gives vectors to the texts that have none, as far as the embedder makes them.
    fn embed_missing(
        &self,
        agent: &AgentId,
        collection: Collection,
        question: &Question<'_>,
    ) -> Result<(), StorageError> {
        let model = self.embedder.name();
        loop {
            let missing = self.inner.without_vectors(agent, collection, model, BATCH)?;
            if missing.is_empty() {
                self.is_silent.store(false, Ordering::Relaxed);
                return Ok(());
            }
            let (blank, missing): (Vec<_>, Vec<_>) =
                missing.into_iter().partition(|(_, text)| text.trim().is_empty());
            let nothing = |(item, _)| (item, vec![0.0; question.vector.len()]);
            let mut vectors: Vec<_> = blank.into_iter().map(nothing).collect();
            let embedded = self.embed_or_refuse(&missing, question, &mut vectors);
            if !vectors.is_empty() {
                self.inner.set_vectors(agent, collection, model, &vectors)?;
            }
            if let Err(error) = embedded {
                self.tell(&*error);
                return Ok(());
            }
        }
    }

    /// The vectors of these texts, of which some may be refused: they are found by halving.
    fn embed_or_refuse(
        &self,
        texts: &[(u64, String)],
        question: &Question<'_>,
        vectors: &mut Vec<(u64, Vec<f32>)>,
    ) -> Result<(), EmbedderError> {
        let embed = || self.embed(&texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>());
        let (item, made) = match (texts, embed()) {
            ([], _) => return Ok(()),
            (_, Ok(made)) => {
                vectors.extend(texts.iter().map(|(item, _)| *item).zip(made));
                return Ok(());
            }
            ([(item, _)], Err(_)) => {
                // Is it the text, or does the embedder answer nothing any more?
                self.embed(&[question.text])?;
                (*item, embed())
            }
            _ => {
                let (first, second) = texts.split_at(texts.len() / 2);
                self.embed_or_refuse(first, question, vectors)?;
                return self.embed_or_refuse(second, question, vectors);
            }
        };
        let vector = made.map(|made| made.into_iter().next().unwrap_or_default());
        let vector = vector.unwrap_or_else(|error| {
            let error = &*error as &dyn Error;
            tracing::warn!(item, error, "the embedder refuses a text: it is found by words alone");
            vec![0.0; question.vector.len()]
        });
        vectors.push((item, vector));
        Ok(())
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedderError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<String> = texts.iter().map(|text| cut((*text).to_owned())).collect();
        let vectors = self.embedder.embed(&texts)?;
        match vectors.len() == texts.len() {
            true => Ok(vectors),
            false => Err(format!("{} vectors for {} texts", vectors.len(), texts.len()).into()),
        }
    }

    /// Says that searches go by words alone, unless it was said since they last did not.
    fn tell(&self, error: &(dyn Error + 'static)) {
        if !self.is_silent.swap(true, Ordering::Relaxed) {
            tracing::warn!(error, "the embedder fails: searches go by words alone");
        }
    }
}

/// Methods that the storage inside answers.
macro_rules! inside {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$out, StorageError> {
            self.inner.$name($($argument),*)
        })*
    };
}

impl<S: Storage> Storage for SearchByMeaning<S> {
    fn search_messages(
        &self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        let search = self.with_vector(agent, Collection::Recall, search)?;
        self.inner.search_messages(agent, &search)
    }

    fn search_passages(
        &self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        let search = self.with_vector(agent, Collection::Archival, search)?;
        self.inner.search_passages(agent, &search)
    }

    inside! {
        fn create_agent(agent: &AgentId, at: Timestamp) -> ();
        fn agent(agent: &AgentId) -> Option<AgentRecord>;
        fn agents() -> Vec<AgentRecord>;
        fn delete_agent(agent: &AgentId) -> ();
        fn state(agent: &AgentId, key: &str) -> Option<String>;
        fn set_state(agent: &AgentId, key: &str, value: &str) -> ();
        fn replace_state(agent: &AgentId, key: &str, expected: Option<&str>, value: &str) -> bool;
        fn append_messages(agent: &AgentId, messages: &[NewMessage]) -> u64;
        fn messages(agent: &AgentId, filter: &MessageFilter, page: PageRequest)
            -> Page<StoredMessage>;
        fn insert_passages(agent: &AgentId, passages: &[NewPassage]) -> Vec<PassageId>;
        fn passages(agent: &AgentId, filter: &PassageFilter, page: PageRequest) -> Page<Passage>;
        fn delete_passage(agent: &AgentId, passage: PassageId) -> ();
        fn set_vectors(agent: &AgentId, collection: Collection, model: &str,
            vectors: &[(u64, Vec<f32>)]) -> ();
        fn without_vectors(agent: &AgentId, collection: Collection, model: &str, limit: usize)
            -> Vec<(u64, String)>;
        fn create_block(agent: &AgentId, block: &NewBlock, by: &Author, at: Timestamp)
            -> StoredBlock;
        fn attach_block(agent: &AgentId, block: BlockId, access: Access) -> ();
        fn detach_block(agent: &AgentId, block: BlockId) -> ();
        fn blocks(agent: &AgentId) -> Vec<AttachedBlock>;
        fn block(block: BlockId) -> StoredBlock;
        fn edit_block(edit: &EditRequest<'_>) -> StoredBlock;
        fn block_history(block: BlockId, page: PageRequest) -> Page<BlockEdit>;
        fn restore_block(block: BlockId, version: u64, expected_version: u64, by: &Author,
            at: Timestamp) -> StoredBlock;
        fn undo_block(block: BlockId, expected_version: u64, by: &Author, at: Timestamp)
            -> StoredBlock;
        fn record_fact(agent: &AgentId, fact: &NewFact) -> FactOutcome;
        fn facts(agent: &AgentId, query: &FactQuery, page: PageRequest) -> Page<Fact>;
    }
}

#[cfg(test)]
mod tests;
