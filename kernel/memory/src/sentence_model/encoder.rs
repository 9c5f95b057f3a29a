//! The encoder: embeddings, then layers of attention and of a small network for each token.

use super::SentenceModelError;
use super::folder::Folder;
use super::linear::{Linear, Norm, gelu, softmax};
use super::weights::{Tensors, Weights};

/// BERT without its head.
pub(super) struct Encoder {
    width: usize,
    n_heads: usize,
    /// `[vocabulary, width]`
    words: Vec<f32>,
    /// `[positions, width]`, with the embedding of the first kind of token added.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Linear,
    after_attention: Norm,
    inner: Linear,
    outer: Linear,
    after_network: Norm,
}

impl Encoder {
    pub(super) fn new(folder: &Folder, weights: &Weights) -> Result<Self, SentenceModelError> {
        let tensors = weights.tensors()?;
        let width = folder.width;
        let words = tensors.get("embeddings.word_embeddings.weight", &[None, Some(width)])?;
        let name = "embeddings.position_embeddings.weight";
        let mut positions = tensors.get(name, &[None, Some(width)])?;
        if positions.len() < folder.longest * width {
            let why = format!("`{name}` has fewer rows than a text may have tokens");
            return Err(SentenceModelError::Weights { path: folder.weights.clone(), why });
        }
        let kinds = tensors.get("embeddings.token_type_embeddings.weight", &[None, Some(width)])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
        }
        let layers = (0..folder.n_layers).map(|n| Layer::new(folder, &tensors, n));
        Ok(Encoder {
            width,
            n_heads: folder.n_heads,
            words,
            positions,
            norm: norm(folder, &tensors, "embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// The length of a state.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The last states of the tokens, `[tokens, width]`.
    pub(super) fn states(&self, tokens: &[u32]) -> Vec<f32> {
        let width = self.width;
        let mut x = Vec::with_capacity(tokens.len() * width);
        for (token, position) in tokens.iter().zip(self.positions.chunks_exact(width)) {
            let at = *token as usize * width;
            // A vocabulary may be longer than the weights; such a token has no meaning.
            match self.words.get(at..at + width) {
                Some(word) => x.extend(word.iter().zip(position).map(|(a, b)| a + b)),
                None => x.extend(position),
            }
        }
        self.norm.apply(&mut x);
        for layer in &self.layers {
            layer.apply(&mut x, width / self.n_heads);
        }
        x
    }
}

fn norm(folder: &Folder, tensors: &Tensors<'_>, name: &str) -> Result<Norm, SentenceModelError> {
    let shape = [Some(folder.width)];
    Ok(Norm {
        scale: tensors.get(&format!("{name}.weight"), &shape)?,
        shift: tensors.get(&format!("{name}.bias"), &shape)?,
        epsilon: folder.epsilon,
    })
}

impl Layer {
    fn new(folder: &Folder, tensors: &Tensors<'_>, n: usize) -> Result<Self, SentenceModelError> {
        let linear = |name: &str, n_in: usize, n_out: usize| {
            let name = format!("encoder.layer.{n}.{name}");
            let weights = tensors.get(&format!("{name}.weight"), &[Some(n_out), Some(n_in)])?;
            let bias = tensors.get(&format!("{name}.bias"), &[Some(n_out)])?;
            Ok::<_, SentenceModelError>(Linear::new(&weights, bias))
        };
        let normed = |name: &str| norm(folder, tensors, &format!("encoder.layer.{n}.{name}"));
        let Folder { width, inner, .. } = *folder;
        Ok(Layer {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            mixed: linear("attention.output.dense", width, width)?,
            after_attention: normed("attention.output.LayerNorm")?,
            inner: linear("intermediate.dense", width, inner)?,
            outer: linear("output.dense", inner, width)?,
            after_network: normed("output.LayerNorm")?,
        })
    }

    /// `[tokens, width]` → the same. `size` is the width of a head.
    fn apply(&self, x: &mut [f32], size: usize) {
        let add = |x: &mut [f32], y: Vec<f32>| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        let (query, key, value) = (self.query.apply(x), self.key.apply(x), self.value.apply(x));
        add(
            x,
            self.mixed.apply(&attention(
                &query,
                &key,
                &value,
                self.after_attention.scale.len(),
                size,
            )),
        );
        self.after_attention.apply(x);
        let mut inner = self.inner.apply(x);
        inner.iter_mut().for_each(|x| *x = gelu(*x));
        add(x, self.outer.apply(&inner));
        self.after_network.apply(x);
    }
}

/// Vaswani et al. 2017, arXiv 1706.03762, section 3.2: for each head and token, the values of all
/// tokens, weighted by how well their keys fit the token's query.
fn attention(query: &[f32], key: &[f32], value: &[f32], width: usize, size: usize) -> Vec<f32> {
    let n_tokens = query.len() / width;
    let scale = 1.0 / (size as f32).sqrt();
    let mut mixed = vec![0.0; query.len()];
    let mut weights = vec![0.0; n_tokens];
    for head in (0..width).step_by(size) {
        let part = |x, token: usize| -> &[f32] {
            let x: &[f32] = x;
            &x[token * width + head..token * width + head + size]
        };
        for token in 0..n_tokens {
            for (other, weight) in weights.iter_mut().enumerate() {
                *weight = crate::storage::dot(part(query, token), part(key, other)) * scale;
            }
            softmax(&mut weights);
            let sums = &mut mixed[token * width + head..token * width + head + size];
            for (other, weight) in weights.iter().enumerate() {
                for (sum, x) in sums.iter_mut().zip(part(value, other)) {
                    *sum += weight * x;
                }
            }
        }
    }
    mixed
}
