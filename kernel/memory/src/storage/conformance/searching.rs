//! Searches: ranked, exact, filtered, paged, and the vectors' bookkeeping.

use super::{Open, minute, with_agent};
use crate::message::{Message, Role};
use crate::storage::{
    AgentId, Collection, MemoryStorage, MessageFilter, NewMessage, NewPassage, PageRequest,
    PassageFilter, PassageId, Search, Storage, StorageError,
};

pub(super) fn check_all(open: Open<'_>) {
    messages_are_found_by_words(open);
    exact_text_is_found_and_counted(open);
    passages_are_found_until_deleted(open);
    vectors_are_counted(open);
    vectors_find_what_words_do_not(open);
    vectors_hide_nothing_that_words_find(open);
    segments_change_nothing(open);
}

fn messages_are_found_by_words(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let other = AgentId::new("other");
    storage.create_agent(&other, minute(0)).unwrap();
    let said = [
        "I hiked up a mountain with my brother.",
        "That mountain must have been a long hike.",
        "The weather was dreadful.",
        "We baked bread.",
    ];
    let new = said.iter().zip(0..).map(|(text, n)| {
        let message = if n % 2 == 0 { Message::user(text) } else { Message::assistant(text) };
        NewMessage::new(message, minute(n))
    });
    let new: Vec<_> = new.collect();
    storage.append_messages(&sara, &new).unwrap();
    storage.append_messages(&other, &new[3..]).unwrap();
    let first = |search: Search<MessageFilter>| {
        let page = storage.search_messages(&sara, &search).unwrap();
        page.items.first().map(|hit| hit.item.position)
    };
    assert_eq!(first(Search::ranked("hiking with a brother")), Some(0));
    assert_eq!(first(Search::ranked("Who was baking bread?")), Some(3));
    assert_eq!(first(Search::ranked("of the and")), None);
    assert_eq!(first(Search::ranked("\"AND (NEAR* OR")), None);
    assert_eq!(first(Search::ranked("")), None);
    let assistants = MessageFilter { roles: vec![Role::Assistant], ..Default::default() };
    assert_eq!(first(Search::ranked("mountain hike").with_filter(assistants)), Some(1));
    let late = MessageFilter { from: Some(minute(1)), ..Default::default() };
    assert_eq!(first(Search::ranked("hiking with a brother").with_filter(late)), Some(1));
    let page = storage.search_messages(&other, &Search::ranked("bread")).unwrap();
    assert_eq!((page.items.len(), page.items[0].item.position), (1, 0));
    assert!(page.items[0].score > 0.0);
}

fn exact_text_is_found_and_counted(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let keys = ["831a7b52-ab3c", "0c2f-9d1e", "831A7B52-AB3C-831a7b52-ab3c"];
    let text = |n: usize| format!("key: {}, value: v{n}", keys[n % 3]);
    let new: Vec<_> = (0..30).map(|n| NewPassage::new(text(n), minute(1))).collect();
    storage.insert_passages(&sara, &new).unwrap();
    let search = |text: &str, page: PageRequest| {
        let page = storage.search_passages(&sara, &Search::exact(text).with_page(page)).unwrap();
        let ids: Vec<_> = page.items.iter().map(|hit| hit.item.id.0).collect();
        (ids, page.total)
    };
    assert_eq!(search("0c2f-9d1e", PageRequest::new(0, 3)), (vec![1, 4, 7], 10));
    assert_eq!(search("0c2f-9d1e", PageRequest::new(8, 3)), (vec![25, 28], 10));
    assert_eq!(search("831a7b52-ab3c,", PageRequest::first(2)), (vec![0, 2], 20));
    assert_eq!(search("9d1", PageRequest::first(2)), (vec![1, 4], 10));
    assert_eq!(search("value: v7", PageRequest::all()), (vec![7], 1));
    assert_eq!(search("%", PageRequest::all()), (vec![], 0));
    assert_eq!(search(" ", PageRequest::all()), (vec![], 0));
}

fn passages_are_found_until_deleted(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let new = [
        NewPassage::new("A borrow ends at its last use.", minute(1)).with_tag("rust"),
        NewPassage::new("He borrowed a book and another book.", minute(2)).with_tag("library"),
    ];
    storage.insert_passages(&sara, &new).unwrap();
    let ids = |search: Search<PassageFilter>| {
        let page = storage.search_passages(&sara, &search).unwrap();
        page.items.iter().map(|hit| hit.item.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(Search::ranked("borrowing books")), [1, 0]);
    let rust = PassageFilter { tags: vec!["rust".to_owned()], ..Default::default() };
    assert_eq!(ids(Search::ranked("borrowing books").with_filter(rust)), [0]);
    assert_eq!(ids(Search::ranked("borrowing books").with_page(PageRequest::new(1, 1))), [0]);
    storage.delete_passage(&sara, PassageId(1)).unwrap();
    assert_eq!(ids(Search::ranked("borrowing books")), [0]);
    assert!(ids(Search::exact("book")).is_empty());
}

fn vectors_are_counted(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let new: Vec<_> =
        ["one", "two", "three"].iter().map(|text| NewPassage::new(*text, minute(1))).collect();
    storage.insert_passages(&sara, &new).unwrap();
    let missing = |limit| {
        let archival = Collection::Archival;
        storage.without_vectors(&sara, archival, "tiny", limit).unwrap()
    };
    assert_eq!(missing(2), [(0, "one".to_owned()), (1, "two".to_owned())]);
    let set = |vectors: &[(u64, Vec<f32>)]| {
        storage.set_vectors(&sara, Collection::Archival, "tiny", vectors)
    };
    set(&[(0, vec![1.0, 0.0]), (2, vec![0.0, 1.0])]).unwrap();
    assert_eq!(missing(9), [(1, "two".to_owned())]);
    let odd = set(&[(1, vec![1.0])]);
    assert!(matches!(odd, Err(StorageError::Dimension { expected: 2, found: 1, .. })), "{odd:?}");
    assert!(matches!(set(&[(7, vec![1.0, 0.0])]), Err(StorageError::NoItem { id: 7 })));
    assert_eq!(missing(9).len(), 1);
}

fn vectors_find_what_words_do_not(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let texts = ["The puppy barks.", "Shares fell.", "Rain again."];
    let new: Vec<_> = texts.iter().map(|text| NewPassage::new(*text, minute(1))).collect();
    storage.insert_passages(&sara, &new).unwrap();
    let set = |vectors: &[(u64, Vec<f32>)]| {
        storage.set_vectors(&sara, Collection::Archival, "tiny", vectors).unwrap();
    };
    let first = |values: Vec<f32>| {
        let search = Search::ranked("dogs").with_vector("tiny", values);
        let page = storage.search_passages(&sara, &search).unwrap();
        page.items.first().map(|hit| hit.item.id.0)
    };
    assert_eq!(first(vec![1.0, 0.0]), None);
    set(&[(1, vec![0.0, 2.0]), (2, vec![-1.0, 0.1])]);
    assert_eq!(first(vec![0.0, 1.0]), Some(1));
    // Behind one that was searched already, and in the place of another.
    set(&[(0, vec![3.0, 0.1])]);
    assert_eq!(first(vec![1.0, 0.0]), Some(0));
    set(&[(0, vec![-1.0, 0.0]), (2, vec![1.0, 0.0])]);
    assert_eq!(first(vec![1.0, 0.0]), Some(2));
    storage.delete_passage(&sara, PassageId(2)).unwrap();
    assert_ne!(first(vec![1.0, 0.0]), Some(2));
    let search = Search::ranked("dogs").with_vector("tiny", vec![1.0]);
    let odd = storage.search_passages(&sara, &search);
    assert!(matches!(odd, Err(StorageError::Dimension { expected: 2, found: 1, .. })), "{odd:?}");
}

/// Not even when every vector speaks against it, or a text has none.
fn vectors_hide_nothing_that_words_find(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let texts = ["Dogs bark.", "Rain.", "A dog sleeps.", "Snow.", "The dog eats."];
    let new: Vec<_> = texts.iter().map(|text| NewPassage::new(*text, minute(1))).collect();
    storage.insert_passages(&sara, &new).unwrap();
    let (near, far, none) = (vec![1.0, 0.0], vec![-1.0, 0.0], vec![0.0, 0.0]);
    let vectors = [(0, far.clone()), (1, near.clone()), (2, none), (3, near.clone())];
    storage.set_vectors(&sara, Collection::Archival, "tiny", &vectors).unwrap();
    let ids = |search: Search<PassageFilter>| -> Vec<u64> {
        let page = storage.search_passages(&sara, &search).unwrap();
        page.items.iter().map(|hit| hit.item.id.0).collect()
    };
    let (by_words, by_both) =
        (ids(Search::ranked("dog")), ids(Search::ranked("dog").with_vector("tiny", near)));
    assert_eq!(by_words.len(), 3);
    assert!(by_words.iter().all(|id| by_both.contains(id)), "{by_words:?} {by_both:?}");
}

/// However the texts came in and the index was cut, a search gives the same.
fn segments_change_nothing(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let memory = MemoryStorage::new();
    memory.create_agent(&sara, minute(0)).unwrap();
    let mut random = 7_u64;
    let mut next = |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % n
    };
    let words = ["dog", "cat", "rain", "bread", "train", "lamp", "river", "stone", "Ann said"];
    let mut n_done = 0;
    while n_done < 1_500 {
        let batch: Vec<_> = (0..1 + next(90))
            .map(|n| {
                let n_words = 1 + next(12);
                let text: Vec<_> = (0..n_words).map(|_| words[next(9) as usize]).collect();
                let end = if next(4) == 0 { "?" } else { "." };
                let at = minute(300 * (n_done + n as i64) / 20);
                NewMessage::new(Message::user(&format!("{}{end}", text.join(" "))), at)
            })
            .collect();
        n_done += batch.len() as i64;
        storage.append_messages(&sara, &batch).unwrap();
        memory.append_messages(&sara, &batch).unwrap();
        for query in ["rain on the river", "What did Ann say about bread?", "lamps"] {
            let search = Search::ranked(query).with_page(PageRequest::new(next(30), 20));
            let found = storage.search_messages(&sara, &search).unwrap();
            assert_eq!(found, memory.search_messages(&sara, &search).unwrap(), "{query}");
        }
    }
}
