//! A tiny model with made-up weights, against what NumPy makes of the same (the forward pass of
//! `benches/minilm_vectors.py`, with two layers, two heads and eight numbers).

use std::path::Path;

use serde_json::{Map, Value, json};

use super::*;

const VOCABULARY: &str = "[UNK]\n[CLS]\n[SEP]\nhik\nhiking\n##ing\n##ed\na\n##a\nb\nc\nd\n";

/// Numbers that look random and hang on the tensor's name.
fn numbers(name: &str, n: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0, |seed, byte| (seed * 31 + usize::from(byte)) % 65_521);
    (0..n).map(|k| (((seed + k * k * 7 + k * 13) % 97) as f32 - 48.0) / 96.0).collect()
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut all: Vec<(String, Vec<usize>)> = Vec::new();
    for (name, rows) in [("word", 12), ("position", 10), ("token_type", 2)] {
        all.push((format!("embeddings.{name}_embeddings.weight"), vec![rows, 8]));
    }
    let mut named = vec![("embeddings.LayerNorm".to_owned(), vec![8])];
    for layer in 0..2 {
        let linear = [
            ("attention.self.query", 8, 8),
            ("attention.self.key", 8, 8),
            ("attention.self.value", 8, 8),
            ("attention.output.dense", 8, 8),
            ("intermediate.dense", 12, 8),
            ("output.dense", 8, 12),
        ];
        let norms = ["attention.output.LayerNorm", "output.LayerNorm"];
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        named.extend(linear.map(|(part, n_out, n_in)| (name(part), vec![n_out, n_in])));
        named.extend(norms.map(|part| (name(part), vec![8])));
    }
    for (name, shape) in named {
        all.push((format!("{name}.bias"), vec![shape[0]]));
        all.push((format!("{name}.weight"), shape));
    }
    all
}

/// A safetensors file: the length of a header, the header, the numbers.
fn weights(shapes: &[(String, Vec<usize>)]) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape) in shapes {
        let begin = data.len();
        let all = numbers(name, shape.iter().product());
        data.extend(all.iter().flat_map(|x| x.to_le_bytes()));
        let place = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name.clone(), place);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": 8, "intermediate_size": 12,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 10,
        "layer_norm_eps": 1e-12
    })
}

fn write(folder: &Path, config: &Value, weights: &[u8]) {
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.join("vocab.txt"), VOCABULARY).unwrap();
    std::fs::write(folder.join("model.safetensors"), weights).unwrap();
}

#[test]
fn vectors_are_those_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &weights(&shapes()));
    let model = SentenceModel::open(folder.path()).unwrap();
    assert_eq!(model.dimension(), 8);
    assert!(model.name().starts_with("bert-2x8-"), "{}", model.name());
    let check = |text: &str, expected: [f32; 8]| {
        for (x, y) in model.embed_one(text).iter().zip(expected) {
            assert!((x - y).abs() < 2e-5, "{text:?}: {:?}", model.embed_one(text));
        }
    };
    check(
        "Hiking, hiked",
        [0.461887, -0.484692, 0.009059, 0.460983, 0.198111, -0.045079, -0.494552, 0.230836],
    );
    check("", [0.463515, -0.479693, 0.019519, 0.464613, 0.204592, -0.039711, -0.493888, 0.226809]);
    // Longer than the model takes.
    assert_eq!(model.embed_one(&"a b ".repeat(4)), model.embed_one(&"a b ".repeat(90)));
    let texts: Vec<_> = (0..7).map(|n| "a b c d ".repeat(n)).collect();
    let one_by_one: Vec<_> = texts.iter().map(|text| model.embed_one(text)).collect();
    assert_eq!(model.embed(&texts), one_by_one);
    assert!(model.embed(&[]).is_empty());
}

#[test]
fn the_first_token_can_stand_for_all() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &weights(&shapes()));
    let mean = SentenceModel::open(folder.path()).unwrap().embed_one("a b");
    std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let pooling = folder.path().join("1_Pooling/config.json");
    std::fs::write(&pooling, r#"{"pooling_mode_cls_token": true}"#).unwrap();
    let first = SentenceModel::open(folder.path()).unwrap().embed_one("a b");
    assert_ne!(first, mean);
    assert!((first.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    std::fs::write(&pooling, r#"{"pooling_mode_max_tokens": true}"#).unwrap();
    let error = SentenceModel::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("expected the mean of the tokens or the first token alone"), "{error}");
}

#[test]
fn what_is_no_such_model_is_refused() {
    let check = |change: &dyn Fn(&Path), expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &config(), &weights(&shapes()));
        change(folder.path());
        let error = SentenceModel::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    let with = |field: &str, value: Value| {
        let mut changed = config();
        changed[field] = value;
        move |folder: &Path| {
            std::fs::write(folder.join("config.json"), changed.to_string()).unwrap();
        }
    };
    let without = |name: &str| {
        let name = name.to_owned();
        move |folder: &Path| std::fs::remove_file(folder.join(&name)).unwrap()
    };
    let file = |name: &'static str, bytes: Vec<u8>| {
        move |folder: &Path| std::fs::write(folder.join(name), &bytes).unwrap()
    };
    check(&without("config.json"), "config.json: cannot be read");
    check(&without("vocab.txt"), "vocab.txt: cannot be read");
    check(&without("model.safetensors"), "model.safetensors: cannot be read");
    check(&file("config.json", b"{}".to_vec()), "config.json: not the configuration");
    check(&file("vocab.txt", b"[UNK]\n[SEP]\n".to_vec()), "vocab.txt: has no line `[CLS]`");
    check(&with("model_type", json!("t5")), "`model_type` is t5, expected bert");
    check(&with("hidden_act", json!("relu")), "`hidden_act` is relu, expected gelu");
    check(&with("num_attention_heads", json!(3)), "expected a divisor of `hidden_size`");
    check(&with("hidden_size", json!(16)), "has the shape [12, 8], expected [any, 16]");
    check(&with("max_position_embeddings", json!(11)), "fewer rows than a text may have tokens");
    let whole = weights(&shapes());
    for end in [0, 7, 8, 90, whole.len() - 1] {
        check(&file("model.safetensors", whole[..end].to_vec()), "not a whole safetensors file");
    }
    check(&file("model.safetensors", weights(&shapes()[..9])), "has no tensor `");
}
