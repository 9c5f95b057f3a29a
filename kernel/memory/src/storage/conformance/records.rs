//! Agents, messages, passages, state.

use super::{Open, minute, with_agent};
use crate::message::{Message, Role, ToolCall};
use crate::storage::{
    AgentId, Author, Collection, EditRequest, FactOutcome, FactQuery, MessageFilter, NewBlock,
    NewFact, NewMessage, NewPassage, PageRequest, PassageFilter, PassageId, Search, StorageError,
};

pub(super) fn check_all(open: Open<'_>) {
    agents_come_and_go(open);
    messages_keep_everything(open);
    messages_are_filtered_and_paged(open);
    passages_come_and_go(open);
    any_text_comes_back(open);
}

fn agents_come_and_go(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let nobody = AgentId::new("nobody'; DROP TABLE agents; --");
    assert!(matches!(
        storage.create_agent(&sara, minute(1)),
        Err(StorageError::AgentExists { agent }) if agent == sara
    ));
    assert!(storage.agent(&nobody).unwrap().is_none());
    assert!(matches!(storage.state(&nobody, "queue"), Err(StorageError::NoAgent { .. })));
    assert!(matches!(storage.append_messages(&nobody, &[]), Err(StorageError::NoAgent { .. })));

    assert_eq!(storage.state(&sara, "queue").unwrap(), None);
    storage.set_state(&sara, "queue", "one").unwrap();
    storage.set_state(&sara, "queue", "two").unwrap();
    assert_eq!(storage.state(&sara, "queue").unwrap().as_deref(), Some("two"));
    let replace =
        |key, expected, value| storage.replace_state(&sara, key, expected, value).unwrap();
    assert!(!replace("queue", None, "three") && !replace("queue", Some("one"), "three"));
    assert!(replace("queue", Some("two"), "three") && replace("new", None, "first"));
    assert!(!replace("other", Some("x"), "y"));
    assert_eq!(storage.state(&sara, "queue").unwrap().as_deref(), Some("three"));
    assert_eq!(storage.state(&sara, "other").unwrap(), None);
    assert!(matches!(
        storage.replace_state(&nobody, "queue", None, "x"),
        Err(StorageError::NoAgent { .. })
    ));

    storage.create_agent(&nobody, minute(2)).unwrap();
    let ids: Vec<_> = storage.agents().unwrap().into_iter().map(|agent| agent.id).collect();
    assert_eq!(ids, [nobody.clone(), sara.clone()]);
    storage.delete_agent(&sara).unwrap();
    assert!(matches!(storage.delete_agent(&sara), Err(StorageError::NoAgent { .. })));
    storage.create_agent(&sara, minute(3)).unwrap();
    let record = storage.agent(&sara).unwrap().unwrap();
    assert_eq!((record.created, record.n_messages, record.n_passages), (minute(3), 0, 0));
    assert_eq!(storage.state(&sara, "queue").unwrap(), None);
}

fn messages_keep_everything(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "archival_memory_insert".to_owned(),
        arguments: "{\"text\": \"half a".to_owned(),
    };
    let messages = [
        Message::system("Ω \u{0} \"quoted\" 'text'"),
        Message::user(""),
        Message { tool_calls: vec![call.clone(), call.clone()], ..Message::assistant("thinking") },
        Message::tool(&call, "done"),
    ];
    let new = messages.iter().zip(0..).map(|(m, n)| NewMessage::new(m.clone(), minute(n)));
    let new: Vec<_> = new.collect();
    assert_eq!(storage.append_messages(&sara, &new[..1]).unwrap(), 0);
    assert_eq!(storage.append_messages(&sara, &new[1..]).unwrap(), 1);
    assert_eq!(storage.append_messages(&sara, &[]).unwrap(), 4);
    let page = storage.messages(&sara, &MessageFilter::default(), PageRequest::all()).unwrap();
    assert_eq!(page.total, 4);
    for ((found, new), position) in page.items.iter().zip(&new).zip(0..) {
        assert_eq!((found.position, &found.message, found.at), (position, &new.message, new.at));
    }
}

fn messages_are_filtered_and_paged(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let said = |n: i64| {
        let text = format!("message {n}");
        let message = if n % 2 == 0 { Message::user(&text) } else { Message::assistant(&text) };
        NewMessage::new(message, minute(n))
    };
    storage.append_messages(&sara, &(0..20).map(said).collect::<Vec<_>>()).unwrap();
    let check = |filter: MessageFilter, page: PageRequest, positions: &[u64], total: u64| {
        let found = storage.messages(&sara, &filter, page).unwrap();
        let found_positions: Vec<_> = found.items.iter().map(|m| m.position).collect();
        assert_eq!((found_positions.as_slice(), found.total), (positions, total), "{filter:?}");
        assert_eq!(found.offset, page.offset);
    };
    let all = MessageFilter::default();
    check(all.clone(), PageRequest::new(3, 2), &[3, 4], 20);
    check(all.clone(), PageRequest::new(19, 5), &[19], 20);
    check(all.clone(), PageRequest::new(30, 5), &[], 20);
    check(all.clone(), PageRequest::new(0, 0), &[], 20);
    let users = MessageFilter { roles: vec![Role::User], ..all.clone() };
    check(users, PageRequest::new(1, 2), &[2, 4], 10);
    let some = MessageFilter { from: Some(minute(5)), until: Some(minute(7)), ..all.clone() };
    check(some, PageRequest::all(), &[5, 6], 2);
    let ends = MessageFilter { from_position: Some(17), until_position: Some(19), ..all };
    check(ends, PageRequest::all(), &[17, 18], 2);
}

fn passages_come_and_go(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let new = [
        NewPassage::new("Pixel eats at six.", minute(1)).with_tag("dog").with_tag("food"),
        NewPassage::new("Borrowing is not moving.", minute(2)).with_tag("rust").with_source("book"),
        NewPassage::new("Pixel is three.", minute(3)).with_tag("dog").with_tag("%"),
    ];
    let ids = storage.insert_passages(&sara, &new).unwrap();
    assert_eq!(ids, [PassageId(0), PassageId(1), PassageId(2)]);
    let check = |filter: PassageFilter, expected: &[u64]| {
        let page = storage.passages(&sara, &filter, PageRequest::all()).unwrap();
        let found: Vec<_> = page.items.iter().map(|passage| passage.id.0).collect();
        assert_eq!((found.as_slice(), page.total), (expected, expected.len() as u64), "{filter:?}");
    };
    let tagged = |tags: &[&str]| PassageFilter {
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        ..Default::default()
    };
    check(PassageFilter::default(), &[0, 1, 2]);
    check(tagged(&["dog"]), &[0, 2]);
    check(tagged(&["dog", "food"]), &[0]);
    check(tagged(&["%"]), &[2]);
    check(tagged(&["do"]), &[]);
    check(PassageFilter { source: Some("book".to_owned()), ..Default::default() }, &[1]);
    check(PassageFilter { from: Some(minute(2)), ..Default::default() }, &[1, 2]);
    check(PassageFilter { until: Some(minute(2)), ..Default::default() }, &[0]);

    storage.delete_passage(&sara, PassageId(2)).unwrap();
    let gone = storage.delete_passage(&sara, PassageId(2));
    assert!(matches!(gone, Err(StorageError::NoPassage { passage: PassageId(2) })));
    check(PassageFilter::default(), &[0, 1]);
    assert_eq!(storage.agent(&sara).unwrap().unwrap().n_passages, 2);
    // A number is never given twice.
    assert_eq!(storage.insert_passages(&sara, &new[..1]).unwrap(), [PassageId(3)]);
    let first = storage.passages(&sara, &PassageFilter::default(), PageRequest::first(1)).unwrap();
    let passage = &first.items[0];
    assert_eq!((&passage.text, &passage.tags, passage.at), (&new[0].text, &new[0].tags, minute(1)));
}

/// Texts that some databases cannot hold as they are, in every place that takes a text.
fn any_text_comes_back(open: Open<'_>) {
    let odd = "Ω \u{0} \\u0000 \u{fdd0}0 \u{fdd0} 'q' \"q\" %s $1 ?1 {x,NULL} \u{feff}\u{1f600}";
    let storage = open();
    let (agent, by) = (AgentId::new(odd), Author::Person(odd.to_owned()));
    storage.create_agent(&agent, minute(0)).unwrap();
    assert_eq!(storage.agents().unwrap()[0].id, agent);
    assert_eq!(storage.agent(&agent).unwrap().unwrap().id, agent);
    storage.set_state(&agent, odd, odd).unwrap();
    assert_eq!(storage.state(&agent, odd).unwrap().as_deref(), Some(odd));
    assert_eq!(storage.state(&agent, "Ω").unwrap(), None);

    let new = NewPassage::new(odd, minute(1)).with_tag(odd).with_tag("plain").with_source(odd);
    storage.insert_passages(&agent, &[new, NewPassage::new("other", minute(1))]).unwrap();
    let filter = PassageFilter {
        tags: vec![odd.to_owned()],
        source: Some(odd.to_owned()),
        ..PassageFilter::default()
    };
    let page = storage.passages(&agent, &filter, PageRequest::all()).unwrap();
    assert_eq!((page.total, page.items[0].text.as_str()), (1, odd));
    assert_eq!(
        (&page.items[0].tags[0], page.items[0].source.as_deref()),
        (&odd.to_owned(), Some(odd))
    );
    for part in ["\u{0} \\", "\u{fdd0}0", "%s $1"] {
        let found = storage.search_passages(&agent, &Search::exact(part)).unwrap();
        assert_eq!(found.total, 1, "{part:?}");
    }
    let vectors = [(0, vec![1.0, 0.0])];
    storage.set_vectors(&agent, Collection::Archival, odd, &vectors).unwrap();
    let missing = storage.without_vectors(&agent, Collection::Archival, odd, 9).unwrap();
    assert_eq!(missing, [(1, "other".to_owned())]);

    let block = NewBlock {
        label: odd.to_owned(),
        description: odd.to_owned(),
        value: odd.to_owned(),
        limit: 2_000,
        read_only: false,
    };
    let block = storage.create_block(&agent, &block, &by, minute(1)).unwrap();
    assert_eq!((block.label.as_str(), block.description.as_str()), (odd, odd));
    let value = format!("{odd}{odd}");
    let edit =
        EditRequest { block: block.id, expected_version: 1, value: &value, by: &by, at: minute(2) };
    storage.edit_block(&edit).unwrap();
    let history = storage.block_history(block.id, PageRequest::all()).unwrap().items;
    assert_eq!((history[0].before.as_deref(), &history[0].after), (Some(odd), &value));
    assert_eq!(history[0].by, by);

    let mut fact = NewFact::new(odd, odd, odd, minute(1));
    fact.source = Some(odd.to_owned());
    storage.record_fact(&agent, &fact).unwrap();
    assert!(matches!(storage.record_fact(&agent, &fact).unwrap(), FactOutcome::Known(_)));
    let query = FactQuery { subject: Some(odd.to_owned()), ..FactQuery::default() };
    let facts = storage.facts(&agent, &query, PageRequest::all()).unwrap();
    assert_eq!((facts.total, facts.items[0].source.as_deref()), (1, Some(odd)));
    storage.delete_agent(&agent).unwrap();
    assert!(storage.agents().unwrap().is_empty());
}
