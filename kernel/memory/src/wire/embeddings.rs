//! Vectors of texts: the embeddings format.

use serde_json::{Value, json};

use super::{WireError, reply::reported, unexpected};

/// A request for the vectors of these texts, as JSON.
pub fn encode_embedding_request(texts: &[String], model: &str) -> Value {
    // An empty text is refused by OpenAI, and so would be all texts beside it.
    let texts = texts.iter().map(|text| if text.is_empty() { " " } else { text.as_str() });
    json!({"model": model, "input": texts.collect::<Vec<_>>(), "encoding_format": "float"})
}

/// The vectors in a reply, in the order of the `n_texts` texts: OpenAI's format, in which a vector
/// names its text, or Ollama's own, in which their order tells.
///
/// # Errors
/// [`WireError`] when there is not one vector for each text, all of the same length.
///
/// ```
/// use momentum_memory::wire::decode_embeddings;
///
/// let body = serde_json::json!({"data": [
///     {"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [1.0, 0.0]}]});
/// assert_eq!(decode_embeddings(&body, 2).unwrap(), [[1.0, 0.0], [0.0, 1.0]]);
/// ```
pub fn decode_embeddings(body: &Value, n_texts: usize) -> Result<Vec<Vec<f32>>, WireError> {
    if let Some(message) = reported(body) {
        return Err(WireError::Reported { message });
    }
    let (name, items) = match (body.get("data"), body.get("embeddings")) {
        (Some(Value::Array(items)), _) => ("data", items),
        (_, Some(Value::Array(items))) => ("embeddings", items),
        (data, _) => return Err(unexpected("data", "an array", data)),
    };
    if items.len() != n_texts {
        let got = Value::from(items.len());
        return Err(unexpected(name, "one vector for each text", Some(&got)));
    }
    let mut vectors = vec![Vec::new(); n_texts];
    for (i, item) in items.iter().enumerate() {
        let at = item["index"].as_u64().map_or(i, |at| usize::try_from(at).unwrap_or(usize::MAX));
        let vector = item.get("embedding").unwrap_or(item);
        let numbers = vector.as_array().filter(|numbers| !numbers.is_empty());
        let numbers = numbers
            .ok_or_else(|| unexpected(format!("{name}[{i}]"), "a vector of numbers", Some(item)))?;
        let place = vectors.get_mut(at).filter(|place| place.is_empty()).ok_or_else(|| {
            unexpected(format!("{name}[{i}].index"), "each text once", item.get("index"))
        })?;
        for (j, number) in numbers.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "vectors are kept in f32")]
            let value = number.as_f64().map(|number| number as f32).filter(|n| n.is_finite());
            place.push(value.ok_or_else(|| {
                unexpected(format!("{name}[{i}][{j}]"), "a finite number", Some(number))
            })?);
        }
    }
    let length = vectors.first().map_or(0, Vec::len);
    if let Some(i) = vectors.iter().position(|vector| vector.len() != length) {
        let got = Value::from(vectors[i].len());
        return Err(unexpected(format!("{name}[{i}]"), "as many numbers as the first", Some(&got)));
    }
    Ok(vectors)
}
