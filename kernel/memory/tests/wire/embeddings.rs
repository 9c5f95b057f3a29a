//! Vectors of texts over real HTTP.

use momentum_memory::prelude::*;
use momentum_memory::storage::{
    AgentId, Collection, MemoryStorage, NewPassage, Search, Storage, Timestamp,
};

use crate::endpoint::{Endpoint, json_reply};

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("text {i}")).collect()
}

fn client(endpoint: &Endpoint) -> Client {
    Client::with_config(endpoint.config().with_embedding_model("e")).unwrap()
}

fn vectors(n: usize) -> serde_json::Value {
    // Last first: the order of a reply tells nothing.
    let items = (0..n).rev().map(|i| json!({"index": i, "embedding": [i as f32, 0.5]}));
    json!({"model": "e", "data": items.collect::<Vec<_>>()})
}

#[test]
fn texts_are_sent_in_batches() {
    let endpoint = Endpoint::start(vec![json_reply(vectors(128)), json_reply(vectors(2))]);
    let got = client(&endpoint).embed(&texts(130)).unwrap();
    assert_eq!((got.len(), endpoint.n_requests()), (130, 2));
    assert_eq!((&got[127], &got[129]), (&vec![127.0, 0.5], &vec![1.0, 0.5]));
    let sent = endpoint.requests.lock().unwrap()[1].clone();
    assert!(sent.starts_with("POST /v1/embeddings HTTP/1.1"), "{sent}");
    assert!(
        sent.ends_with(
            r#"{"model":"e","input":["text 128","text 129"],"encoding_format":"float"}"#
        )
    );
    assert!(client(&endpoint).embed(&[]).unwrap().is_empty());
}

#[test]
fn other_formats_are_read() {
    let endpoint = Endpoint::start(vec![
        json_reply(json!({"embeddings": [[1, 2], [3, 4]]})),
        json_reply(json!({"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}]})),
    ]);
    let client = client(&endpoint);
    for _ in 0..2 {
        assert_eq!(client.embed(&texts(2)).unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let check = |body: serde_json::Value, expected: &str| {
        let endpoint = Endpoint::start(vec![json_reply(body)]);
        let error = client(&endpoint).embed(&texts(2)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(vectors(1), "`data`: expected one vector for each text, got 1");
    check(
        json!({"data": [{"index": 1, "embedding": [1]}, {"index": 1, "embedding": [1]}]}),
        "`data[1].index`: expected each text once, got 1",
    );
    check(
        json!({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}),
        "`data[1]`: expected as many numbers as the first, got 2",
    );
    check(
        json!({"data": [{"embedding": [1]}, {"embedding": ["x"]}]}),
        "`data[1][0]`: expected a finite number, got \"x\"",
    );
    check(
        json!({"data": [{"embedding": []}, {"embedding": [1]}]}),
        "`data[0]`: expected a vector of numbers, got an object",
    );
    check(json!({}), "`data`: expected an array, got nothing");
    let endpoint = Endpoint::start(vec![json_reply(vectors(1))]);
    let error = endpoint.client().embed(&texts(1)).unwrap_err();
    assert!(matches!(error, ClientError::NoEmbeddingModel), "{error}");
}

#[test]
fn vectors_are_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let endpoint = Endpoint::start(vec![json_reply(vectors(2))]);
    let recorded = client(&endpoint).recording_to(&file).unwrap().embed(&texts(2)).unwrap();
    let client = Client::replay(&file).unwrap();
    assert_eq!(client.embedding_model(), Some("e"));
    assert_eq!(client.embed(&texts(2)).unwrap(), recorded);
}

#[test]
fn a_storage_gets_the_vectors_that_it_lacks() {
    let (storage, sara) = (MemoryStorage::new(), AgentId::new("sara"));
    storage.create_agent(&sara, Timestamp::default()).unwrap();
    let passages: Vec<_> =
        texts(130).into_iter().map(|text| NewPassage::new(text, Timestamp::default())).collect();
    storage.insert_passages(&sara, &passages).unwrap();
    let endpoint = Endpoint::start(vec![
        json_reply(vectors(128)),
        json_reply(vectors(2)),
        json_reply(json!({"data": [{"embedding": [128.0, 0.5]}]})),
    ]);
    let client = client(&endpoint);
    let make = || client.embed_missing(&storage, &sara, Collection::Archival).unwrap();
    assert_eq!((make(), make(), endpoint.n_requests()), (130, 0, 2));
    let vector = client.query_vector("anything").unwrap();
    assert_eq!((vector.model.as_str(), vector.values.len()), ("e", 2));
    let search = Search { vector: Some(vector), ..Search::ranked("anything") };
    assert!(!storage.search_passages(&sara, &search).unwrap().items.is_empty());
}
