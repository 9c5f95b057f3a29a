//! Choosing the weights on some conversations and judging them on another.

use std::error::Error;

use momentum_memory::storage::Weights;

use super::Score;
use super::data::Conversation;

/// One weight, by name, with the values tried.
type Knob = (&'static str, fn(&mut Weights) -> &mut f32, &'static [f32]);

const KNOBS: [Knob; 8] = [
    ("next", |w| &mut w.next, &[0.15, 0.25, 0.35]),
    ("previous", |w| &mut w.previous, &[0.3, 0.5, 0.7]),
    ("answer", |w| &mut w.answer, &[0.0, 0.2, 0.4]),
    ("session", |w| &mut w.session, &[0.3, 0.5, 0.7, 0.9]),
    ("question", |w| &mut w.question, &[0.0, 0.2, 0.3]),
    ("other_speaker", |w| &mut w.other_speaker, &[0.0, 0.1, 0.2, 0.3]),
    ("time", |w| &mut w.time, &[0.0, 0.15, 0.3, 0.45]),
    // Without vectors it changes nothing, and the first value is kept.
    ("vectors", |w| &mut w.vectors, &[0.2, 0.3, 0.4, 0.5, 0.7]),
];

/// For each conversation: from no weights at all, each weight in turn gets the value that is best
/// on the others, twice round. Returns the scores of each conversation with the weights that were
/// chosen without it, and prints these.
pub(crate) fn leave_one_out(
    conversations: &[Conversation],
    measure: impl Fn(Weights) -> Result<Vec<Vec<Score>>, Box<dyn Error>>,
) -> Result<Vec<Vec<Score>>, Box<dyn Error>> {
    let mut chosen = Vec::new();
    for (out, conversation) in conversations.iter().enumerate() {
        let fitness = |scores: &[Vec<Score>]| {
            let others = scores.iter().enumerate().filter(|(n, _)| *n != out);
            let all: Vec<f64> = others
                .flat_map(|(_, scores)| scores)
                .map(|score| score.recall[1] + score.reciprocal_rank)
                .collect();
            all.iter().sum::<f64>() / all.len().max(1) as f64
        };
        let mut weights = Weights::none();
        let mut best = fitness(&measure(weights)?);
        for _ in 0..2 {
            for (_, field, values) in KNOBS {
                for value in values {
                    let mut tried = weights;
                    *field(&mut tried) = *value;
                    let score = fitness(&measure(tried)?);
                    if score > best {
                        (weights, best) = (tried, score);
                    }
                }
            }
        }
        print!("  without {}:", conversation.name);
        for (name, field, _) in KNOBS {
            print!(" {name} {}", field(&mut weights));
        }
        println!();
        chosen.push(measure(weights)?.swap_remove(out));
    }
    Ok(chosen)
}
