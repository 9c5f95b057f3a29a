use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::message::Message;
use crate::storage::{MemoryStorage, SqliteStorage, conformance};

/// The share of each letter in a text, how many texts it was asked for, and whether it is there.
#[derive(Debug, Default, Clone)]
struct Letters {
    n_asked: Arc<AtomicUsize>,
    is_away: Arc<AtomicBool>,
}

impl Embedder for Letters {
    fn name(&self) -> &str {
        "letters"
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>> {
        self.n_asked.fetch_add(texts.len(), Ordering::Relaxed);
        let refused =
            |t: &String| t.contains("unspeakable") || t.trim().is_empty() || t.len() > 8_000;
        if self.is_away.load(Ordering::Relaxed) || texts.iter().any(refused) {
            return Err("I cannot read this".into());
        }
        let count = |text: &String, letter| text.chars().filter(|c| *c == letter).count() as f32;
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
    let letters = Letters::default();
    let n_embedded = &letters.n_asked;
    let open = || {
        let storage = SqliteStorage::open(folder.path().join("a.sqlite")).unwrap();
        SearchByMeaning::new(storage, letters.clone())
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

fn with_passages(texts: &[&str]) -> (SearchByMeaning<MemoryStorage>, Letters, AgentId) {
    let letters = Letters::default();
    let storage = SearchByMeaning::new(MemoryStorage::new(), letters.clone());
    let (sara, now) = (AgentId::new("sara"), Timestamp::from_millis(0));
    storage.create_agent(&sara, now).unwrap();
    let passages: Vec<_> = texts.iter().map(|text| NewPassage::new(*text, now)).collect();
    storage.insert_passages(&sara, &passages).unwrap();
    (storage, letters, sara)
}

fn found(storage: &dyn Storage, sara: &AgentId, text: &str) -> Vec<u64> {
    let page = storage.search_passages(sara, &Search::ranked(text)).unwrap();
    page.items.iter().map(|hit| hit.item.id.0).collect()
}

#[test]
fn without_its_embedder_it_searches_by_words() {
    let (storage, letters, sara) = with_passages(&["a dog", "xxx", "zz zz"]);
    letters.is_away.store(true, Ordering::Relaxed);
    assert_eq!(found(&storage, &sara, "dogs"), [0]);
    assert!(found(&storage, &sara, "zzzz").is_empty());
    // It was asked for the questions alone.
    assert_eq!(letters.n_asked.load(Ordering::Relaxed), 2);
    assert!(storage.is_silent.load(Ordering::Relaxed));
    letters.is_away.store(false, Ordering::Relaxed);
    assert_eq!(found(&storage, &sara, "zzzz")[0], 2);
    assert!(!storage.is_silent.load(Ordering::Relaxed));
    // A question that is refused is one by words, too.
    assert_eq!(found(&storage, &sara, "an unspeakable dog"), [0]);
}

#[test]
fn a_refused_text_holds_up_no_other_and_is_asked_for_once() {
    let mut texts = vec!["zz zz"; 200];
    (texts[0], texts[70], texts[130], texts[199]) = ("unspeakable dog", " ", "cat", "qqq");
    let (storage, letters, sara) = with_passages(&texts);
    assert_eq!(found(&storage, &sara, "qq")[0], 199);
    assert_eq!(found(&storage, &sara, "dog")[0], 0);
    letters.n_asked.store(0, Ordering::Relaxed);
    assert_eq!(found(&storage, &sara, "cats")[0], 130);
    assert_eq!(letters.n_asked.load(Ordering::Relaxed), 1);
}

#[test]
fn of_long_texts_the_beginning_is_embedded() {
    let long = format!("{}{}", "q".repeat(9_000), " dog".repeat(9_000));
    let (storage, _, sara) = with_passages(&[&long, "zzz"]);
    assert_eq!(found(&storage, &sara, "qq")[0], 0);
    assert_eq!(found(&storage, &sara, &format!("zz{}", " zz".repeat(9_000)))[0], 1);
    assert_eq!(cut("\u{e9}".repeat(7_000)).chars().count(), 6_000);
    assert_eq!(cut("short".to_owned()), "short");
}
