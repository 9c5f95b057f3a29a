//! What a network is made of, in numbers.

use super::plan::{Planned, PlannedKind, Size};
use crate::table::{Table, grouped};
use std::fmt;

/// One layer in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer as written.
    pub layer: String,
    /// What comes out for one image.
    pub output: Size,
    /// Weights and biases.
    pub n_parameters: usize,
    /// Multiplications with addition for one image.
    pub multiply_adds: usize,
    /// Side of the square of input pixels that one output value depends on; `None` when it is all.
    pub receptive_field: Option<usize>,
}

/// A network in numbers. `Display` writes it as a text table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The network's name.
    pub name: String,
    /// `[channels, height, width]` of one image.
    pub input: [usize; 3],
    /// Layer by layer.
    pub layers: Vec<LayerSummary>,
    /// Weights and biases in all.
    pub n_parameters: usize,
    /// Multiplications with addition for one image in all.
    pub multiply_adds: usize,
}

impl Summary {
    pub(super) fn of(name: &str, input: [usize; 3], plan: &[Planned]) -> Self {
        // Receptive field and step between neighbours, in input pixels (Dumoulin and Visin 2016).
        let mut field = Some((1, 1));
        let layers: Vec<LayerSummary> = plan
            .iter()
            .map(|planned| {
                let (n_parameters, multiply_adds) = cost(planned);
                field = field.and_then(|(side, step)| match planned.kind {
                    PlannedKind::Conv(c) => Some((side + (c.extent() - 1) * step, step * c.stride)),
                    PlannedKind::MaxPool { side: window, stride } => {
                        Some((side + (window - 1) * step, step * stride))
                    }
                    PlannedKind::Linear { .. } => None,
                    PlannedKind::Relu | PlannedKind::Flatten => Some((side, step)),
                });
                LayerSummary {
                    layer: planned.name.clone(),
                    output: planned.size,
                    n_parameters,
                    multiply_adds,
                    receptive_field: field.map(|(side, _)| side),
                }
            })
            .collect();
        Summary {
            name: name.into(),
            input,
            n_parameters: layers.iter().map(|layer| layer.n_parameters).sum(),
            multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
            layers,
        }
    }

    /// The summary as a table.
    pub fn table(&self) -> Table {
        let caption = format!(
            "{}: {} parameters, {} multiply-adds for one image",
            self.name,
            grouped(self.n_parameters),
            grouped(self.multiply_adds)
        );
        let headers =
            ["layer", "output", "values", "parameters", "multiply-adds", "receptive field"];
        let [channels, height, width] = self.input;
        let input = Size::Maps { channels, height, width };
        let values = grouped(input.len());
        let mut table = Table::new(caption, headers).row([
            "input",
            &input.to_string(),
            &values,
            "0",
            "0",
            "1 × 1",
        ]);
        for layer in &self.layers {
            table.push([
                layer.layer.clone(),
                layer.output.to_string(),
                grouped(layer.output.len()),
                grouped(layer.n_parameters),
                grouped(layer.multiply_adds),
                layer
                    .receptive_field
                    .map_or_else(|| "all".into(), |side| format!("{side} × {side}")),
            ]);
        }
        table
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

/// Parameters and multiply-adds.
fn cost(planned: &Planned) -> (usize, usize) {
    match (planned.kind, planned.size) {
        (PlannedKind::Conv(config), Size::Maps { height, width, .. }) => {
            let weights = config.n_weights();
            (weights + config.output_channels, weights * height * width)
        }
        (PlannedKind::Linear { inputs, outputs }, _) => {
            (inputs * outputs + outputs, inputs * outputs)
        }
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{lenet5, mlp, mnist_cnn};

    #[test]
    fn lenet5_in_numbers() {
        insta::assert_snapshot!(lenet5().unwrap().summary(), @"
        LeNet-5: 61,706 parameters, 416,520 multiply-adds for one image

        layer                        output  values  parameters  multiply-adds  receptive field
        ─────────────────────  ────────────  ──────  ──────────  ─────────────  ───────────────
        input                   1 × 28 × 28     784           0              0  1 × 1
        conv(6, 5).padding(2)   6 × 28 × 28   4,704         156        117,600  5 × 5
        relu()                  6 × 28 × 28   4,704           0              0  5 × 5
        max_pool(2)             6 × 14 × 14   1,176           0              0  6 × 6
        conv(16, 5)            16 × 10 × 10   1,600       2,416        240,000  14 × 14
        relu()                 16 × 10 × 10   1,600           0              0  14 × 14
        max_pool(2)              16 × 5 × 5     400           0              0  16 × 16
        flatten()                       400     400           0              0  16 × 16
        linear(120)                     120     120      48,120         48,000  all
        relu()                          120     120           0              0  all
        linear(84)                       84      84      10,164         10,080  all
        relu()                           84      84           0              0  all
        linear(10)                       10      10         850            840  all
        ");
    }

    #[test]
    fn presets_have_similar_budgets() {
        let (mlp, cnn) = (mlp().unwrap().summary(), mnist_cnn().unwrap().summary());
        assert_eq!((mlp.n_parameters, cnn.n_parameters), (61_842, 61_130));
    }
}
