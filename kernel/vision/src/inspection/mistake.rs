//! What a network gets wrong, and how sure it is of it.

use super::InspectionError;
use crate::data::Dataset;
use crate::loss::softmax;
use crate::network::{EVALUATION_BATCH, Network};

/// A wrong answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The image's place in the data set.
    pub image: usize,
    /// The class that it shows.
    pub truth: u8,
    /// The class that the network found.
    pub prediction: u8,
    /// The probability that the network gave to what it found.
    pub confidence: f32,
    /// The probability that it gave to the truth.
    pub truth_probability: f32,
}

/// All wrong answers, those first of which the network is surest. Of equally sure ones the first image
/// comes first.
///
/// # Errors
/// [`InspectionError::Layer`] when the images do not have the network's input shape.
pub fn mistakes(network: &Network, data: &Dataset) -> Result<Vec<Mistake>, InspectionError> {
    let mut all = Vec::new();
    let places: Vec<usize> = (0..data.len()).collect();
    for places in places.chunks(EVALUATION_BATCH) {
        let (values, labels) = data.batch(places);
        let mut scores = network.scores(values)?;
        let rows = scores.chunks_exact_mut(network.n_classes());
        for ((scores, &truth), &image) in rows.zip(&labels).zip(places) {
            softmax(scores);
            let prediction = crate::network::best(scores);
            if prediction != usize::from(truth) {
                all.push(Mistake {
                    image,
                    truth,
                    prediction: u8::try_from(prediction).unwrap_or(u8::MAX),
                    confidence: scores[prediction],
                    truth_probability: scores.get(usize::from(truth)).copied().unwrap_or(0.0),
                });
            }
        }
    }
    all.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::evaluation::evaluate;
    use crate::network::Mlp;

    #[test]
    fn mistakes_and_right_answers_are_all() {
        let data = fashion_mnist().unwrap().test.first(130);
        let network = Mlp::on([1, 28, 28]).seed(0).classes(10).unwrap();
        let all = mistakes(&network, &data).unwrap();
        let right = (evaluate(&network, &data).unwrap().accuracy * 130.0).round() as usize;
        assert_eq!(all.len() + right, 130);
        assert!(all.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
        assert!(all.iter().all(|m| m.confidence > m.truth_probability && m.truth != m.prediction));
    }
}
