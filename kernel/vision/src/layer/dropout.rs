//! Dropout as a dfdx module.

use super::LayerError;
use super::elementwise::recorded;
use crate::gradient::values;
use crate::random::Random;
use dfdx::nn::{Module, ModuleMut};
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::ReshapeTo;

/// Dropout (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014): while training each
/// value is set to zero with a probability of `share`, and the others grow by `1 / (1 - share)`, so
/// that the expected sum stays. Otherwise ([`Module`]) it changes nothing.
#[derive(Clone, Debug)]
pub struct Dropout {
    share: f32,
    random: Random,
}

impl Dropout {
    /// Drops a share of the values, `0.0 <= share < 1.0`; the seed is for [`ModuleMut`], which draws
    /// from the layer's own random numbers.
    ///
    /// # Errors
    /// [`LayerError::Config`] when the share is not within these bounds.
    pub fn new(share: f32, seed: u64) -> Result<Self, LayerError> {
        if !(0.0..1.0).contains(&share) {
            let problem =
                format!("the share of values must be at least 0 and below 1, got {share}");
            return Err(LayerError::Config { layer: "dropout".into(), problem });
        }
        Ok(Dropout { share, random: Random::new(seed) })
    }

    /// The share of values that is dropped.
    pub fn share(&self) -> f32 {
        self.share
    }

    /// Drops values, drawn from the given random numbers.
    ///
    /// # Errors
    /// [`LayerError::Device`] when dfdx cannot store the result.
    pub fn drop_values<S: Shape, T: Tape<f32, Cpu>>(
        &self,
        input: Tensor<S, f32, Cpu, T>,
        random: &mut Random,
    ) -> Result<Tensor<S, f32, Cpu, T>, LayerError> {
        if self.share == 0.0 {
            return Ok(input);
        }
        let (input, tape) = input.try_contiguous()?.split_tape();
        let kept = 1.0 / (1.0 - self.share);
        let mut y = values(&input);
        let scales: Vec<f32> = y
            .iter_mut()
            .map(|y| {
                let scale = if random.uniform(0.0, 1.0) < self.share { 0.0 } else { kept };
                // Not a product: what is dropped is gone, be it infinite.
                *y = if scale == 0.0 { 0.0 } else { *y * scale };
                scale
            })
            .collect();
        recorded(input, tape, y, scales)
    }
}

impl<S: Shape, T: Tape<f32, Cpu>> Module<Tensor<S, f32, Cpu, T>> for Dropout {
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Tensor<S, f32, Cpu, T>) -> Result<Self::Output, LayerError> {
        Ok(input)
    }
}

impl<S: Shape, T: Tape<f32, Cpu>> ModuleMut<Tensor<S, f32, Cpu, T>> for Dropout {
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward_mut(
        &mut self,
        input: Tensor<S, f32, Cpu, T>,
    ) -> Result<Self::Output, LayerError> {
        let mut random = self.random.clone();
        let output = self.drop_values(input, &mut random)?;
        self.random = random;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Vectors;
    use dfdx::tensor::{TensorFromVec, Trace};
    use dfdx::tensor_ops::{Backward, SumTo};

    fn ones(n: usize) -> Vectors {
        Cpu::default().tensor_from_vec(vec![1.0; n], (1, n))
    }

    #[test]
    fn a_share_is_dropped_and_the_rest_grows() {
        let mut dropout = Dropout::new(0.25, 3).unwrap();
        let x = ones(10_000);
        let y = dropout.try_forward_mut(x.leaky_trace()).unwrap();
        let values = y.as_vec();
        let n_dropped = values.iter().filter(|y| **y == 0.0).count();
        assert!((2300..2700).contains(&n_dropped), "{n_dropped} of 10000");
        assert!(values.iter().all(|y| *y == 0.0 || (*y - 4.0 / 3.0).abs() < 1e-6));
        // The gradient takes the same way as the value.
        let gradients = y.sum::<dfdx::shapes::Rank0, _>().backward();
        assert_eq!(gradients.get(&x).as_vec(), values);
    }

    #[test]
    fn the_seed_decides_and_evaluation_changes_nothing() {
        let draw = |seed| Dropout::new(0.5, seed).unwrap().forward_mut(ones(64)).as_vec();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(Dropout::new(0.5, 1).unwrap().forward(ones(8)).as_vec(), vec![1.0; 8]);
        let mut dropout = Dropout::new(0.5, 1).unwrap();
        assert_ne!(dropout.forward_mut(ones(64)).as_vec(), dropout.forward_mut(ones(64)).as_vec());
    }

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        for share in [-0.1, 1.0, f32::NAN] {
            assert!(Dropout::new(share, 0).is_err(), "{share}");
        }
        insta::assert_snapshot!(Dropout::new(1.0, 0).unwrap_err(), @"dropout: the share of values must be at least 0 and below 1, got 1");
    }
}
