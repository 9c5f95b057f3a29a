//! A storage that gives its texts vectors by itself.

use std::error::Error;
use std::fmt;

use super::{
    Access, AgentId, AgentRecord, AttachedBlock, Author, BlockEdit, BlockId, Collection,
    EditRequest, Fact, FactOutcome, FactQuery, Hit, Match, MessageFilter, NewBlock, NewFact,
    NewMessage, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, QueryVector,
    Search, Storage, StorageError, StoredBlock, StoredMessage, Timestamp, embed_missing,
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
/// [`embed_missing`](super::embed_missing) before it if that matters. When the embedder fails, so
/// does the search; what was embedded until then is kept.
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
}

impl<S: Storage> SearchByMeaning<S> {
    /// A storage with an embedder.
    pub fn new(storage: S, embedder: impl Embedder + 'static) -> Self {
        SearchByMeaning { inner: storage, embedder: Box::new(embedder) }
    }

    /// The storage inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The search with its question's vector; as it is when it needs none.
    fn with_vector<Filter: Clone>(
        &self,
        agent: &AgentId,
        collection: Collection,
        search: &Search<Filter>,
    ) -> Result<Search<Filter>, StorageError> {
        let mut search = search.clone();
        if search.matching != Match::Ranked || search.vector.is_some() || search.text.is_empty() {
            return Ok(search);
        }
        let model = self.embedder.name();
        let embed = |texts: &[String]| self.embedder.embed(texts);
        embed_missing(&self.inner, agent, collection, model, embed)?;
        let vectors = embed(std::slice::from_ref(&search.text))
            .map_err(|source| StorageError::Backend { doing: "embed the question", source })?;
        let vector = vectors.into_iter().next();
        search.vector = vector.map(|values| QueryVector { model: model.to_owned(), values });
        Ok(search)
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::message::Message;
    use crate::storage::{MemoryStorage, SqliteStorage, conformance};

    /// The share of each letter in a text, and how many texts it was asked for.
    #[derive(Debug, Default)]
    struct Letters(std::sync::Arc<AtomicUsize>);

    impl Embedder for Letters {
        fn name(&self) -> &str {
            "letters"
        }

        fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>> {
            self.0.fetch_add(texts.len(), Ordering::Relaxed);
            if texts.iter().any(|text| text.contains("unspeakable")) {
                return Err("I cannot read this".into());
            }
            let count =
                |text: &String, letter| text.chars().filter(|c| *c == letter).count() as f32;
            Ok(texts.iter().map(|t| ('a'..='z').map(|c| count(t, c)).collect()).collect())
        }
    }

    #[test]
    fn all_but_searches_is_as_inside() {
        conformance::check_records(&|| {
            Box::new(SearchByMeaning::new(MemoryStorage::new(), Letters::default()))
        });
    }

    #[test]
    fn each_text_is_embedded_once() {
        let folder = tempfile::tempdir().unwrap();
        let sara = AgentId::new("sara");
        let n_embedded = std::sync::Arc::new(AtomicUsize::new(0));
        let open = || {
            let storage = SqliteStorage::open(folder.path().join("a.sqlite")).unwrap();
            SearchByMeaning::new(storage, Letters(std::sync::Arc::clone(&n_embedded)))
        };
        let storage = open();
        let now = Timestamp::from_millis(0);
        storage.create_agent(&sara, now).unwrap();
        let say = |storage: &SearchByMeaning<SqliteStorage>, texts: &[&str]| {
            let new: Vec<_> =
                texts.iter().map(|text| NewMessage::new(Message::user(text), now)).collect();
            storage.append_messages(&sara, &new).unwrap();
        };
        let best = |storage: &SearchByMeaning<SqliteStorage>, text: &str| {
            let page = storage.search_messages(&sara, &Search::ranked(text)).unwrap();
            page.items.first().map(|hit| hit.item.message.text.clone())
        };
        say(&storage, &["zzz", "mmm", "ooo"]);
        assert_eq!(n_embedded.load(Ordering::Relaxed), 0);
        assert_eq!(best(&storage, "zzzz").as_deref(), Some("zzz"));
        assert_eq!(n_embedded.load(Ordering::Relaxed), 4);
        say(&storage, &["qqq"]);
        assert_eq!(best(&storage, "qqqq").as_deref(), Some("qqq"));
        assert_eq!(n_embedded.load(Ordering::Relaxed), 6);
        // Exact searches and empty ones need no vector.
        storage.search_messages(&sara, &Search::exact("ooo")).unwrap();
        assert_eq!(best(&storage, ""), None);
        assert_eq!(n_embedded.load(Ordering::Relaxed), 6);
        // Another process has it all, too.
        let other = open();
        assert_eq!(best(&other, "mmmm").as_deref(), Some("mmm"));
        say(&other, &["xx"]);
        assert_eq!(best(&storage, "xxx").as_deref(), Some("xx"));
        assert_eq!(n_embedded.load(Ordering::Relaxed), 9);
        let passage = [NewPassage::new("a passage", now)];
        storage.insert_passages(&sara, &passage).unwrap();
        let page = storage.search_passages(&sara, &Search::ranked("gap pass ease")).unwrap();
        assert_eq!(page.items.len(), 1);
        assert_eq!(n_embedded.load(Ordering::Relaxed), 11);
    }

    #[test]
    fn what_the_embedder_says_is_the_source() {
        let storage = SearchByMeaning::new(MemoryStorage::new(), Letters::default());
        let (sara, now) = (AgentId::new("sara"), Timestamp::from_millis(0));
        storage.create_agent(&sara, now).unwrap();
        let error = storage.search_messages(&sara, &Search::ranked("unspeakable")).unwrap_err();
        assert_eq!(error.to_string(), "the storage failed to embed the question");
        assert_eq!(error.source().unwrap().to_string(), "I cannot read this");
    }
}
