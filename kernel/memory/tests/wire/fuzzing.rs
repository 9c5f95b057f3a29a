//! The fuzz targets' entries on a stable compiler: seeds, mutated.

#[path = "../../fuzz/entries.rs"]
mod entries;

use proptest::prelude::*;

/// A change of a text: at a place, so many bytes are replaced.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            "\"",
            ":",
            ",",
            "\n",
            "\n\n",
            "\r",
            "data:",
            "null",
            "-1",
            "1e999",
            "99999999999999999999",
            "\\u0000",
            "\\ud800",
            "&a",
            "*a",
            "!!x",
            "---",
            "- ",
            "  ",
            "\t",
            "{\"a\":",
            "true",
            "[DONE]",
            "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (any::<prop::sample::Index>(), 0usize..4, piece)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn mutated_seeds_make_no_panic(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 0..4),
    ) {
        for (entry, seeds) in entries::seeds() {
            let mut bytes = seed.get(&seeds).clone().into_bytes();
            for (at, n, piece) in &changes {
                let at = at.index(bytes.len() + 1);
                let end = (at + n).min(bytes.len());
                bytes.splice(at..end, piece.iter().copied());
            }
            entry(&bytes);
        }
    }
}

#[test]
fn every_seed_is_understood() {
    use momentum_memory::agent_file::{AgentFile, LettaImport};
    use momentum_memory::transcript::Transcript;
    let [(_, transcripts), (_, agents), _, _] = entries::seeds();
    for text in &transcripts {
        Transcript::from_yaml(text, "seed").unwrap();
    }
    AgentFile::from_json(&agents[0], "seed").unwrap();
    for text in &agents[1..] {
        assert_eq!(LettaImport::from_json(text, "seed").unwrap().agents.len(), 1);
    }
}
