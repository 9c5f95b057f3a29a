//! What a network is made of, in numbers.

use super::plan::{Planned, PlannedKind, Size};
use crate::table::{Table, grouped};
use std::fmt;

/// Bytes of an `f32`.
const VALUE: usize = size_of::<f32>();

/// One layer in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer as written; on the way around a residual's body it begins with `shortcut: `.
    pub layer: String,
    /// How many residuals it is within. A residual stands before its layers, and counts only what
    /// is its own.
    pub depth: usize,
    /// What comes out for one image.
    pub output: Size,
    /// Weights and biases.
    pub n_parameters: usize,
    /// Multiplications with addition for one image.
    pub multiply_adds: usize,
    /// Side of the square of input pixels that one output value depends on; `None` when it is all.
    pub receptive_field: Option<usize>,
    /// Bytes of the output for one image. A flattening gives on what it gets, so it has none.
    pub output_bytes: usize,
    /// Bytes of weights, biases and running statistics.
    pub tensor_bytes: usize,
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

/// Side of the receptive field, and step between those of neighbours, in input pixels (Dumoulin and
/// Visin 2016); `None` when it is all.
type Field = Option<(usize, usize)>;

impl Summary {
    pub(super) fn of(name: &str, input: [usize; 3], plan: &[Planned]) -> Self {
        let mut layers = Vec::new();
        rows(plan, 0, "", Some((1, 1)), &mut layers);
        Summary {
            name: name.into(),
            input,
            n_parameters: layers.iter().map(|layer| layer.n_parameters).sum(),
            multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
            layers,
        }
    }

    /// Bytes of all weights, biases and running statistics.
    pub fn tensor_bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.tensor_bytes).sum()
    }

    /// Bytes of all layers' outputs for one image.
    pub fn output_bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.output_bytes).sum()
    }

    /// An estimate of the bytes that a training step with Adam holds: weights, their gradients and
    /// two moments; for each image of the batch its pixels, all outputs and their gradients. What a
    /// layer needs while it works, such as unfolded patches, is not in it.
    pub fn training_bytes(&self, batch: usize) -> usize {
        let image = self.input.iter().product::<usize>() * VALUE;
        4 * self.tensor_bytes() + batch * (image + 2 * self.output_bytes())
    }

    /// The summary as a table.
    pub fn table(&self) -> Table {
        let caption = format!(
            "{}: {} parameters, {} multiply-adds for one image; memory: weights {}, outputs for one \
             image {}, training with batches of 64 about {}",
            self.name,
            grouped(self.n_parameters),
            grouped(self.multiply_adds),
            bytes(self.tensor_bytes()),
            bytes(self.output_bytes()),
            bytes(self.training_bytes(64))
        );
        let headers = [
            "layer",
            "output",
            "values",
            "parameters",
            "multiply-adds",
            "memory",
            "receptive field",
        ];
        let [channels, height, width] = self.input;
        let input = Size::Maps { channels, height, width };
        let mut table = Table::new(caption, headers).row([
            "input",
            &input.to_string(),
            &grouped(input.len()),
            "0",
            "0",
            &bytes(input.len() * VALUE),
            "1 × 1",
        ]);
        for layer in &self.layers {
            table.push([
                // Spaces that HTML does not fold.
                "\u{a0}\u{a0}".repeat(layer.depth) + &layer.layer,
                layer.output.to_string(),
                grouped(layer.output.len()),
                grouped(layer.n_parameters),
                grouped(layer.multiply_adds),
                bytes(layer.output_bytes + layer.tensor_bytes),
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

/// Adds a row for each layer. Returns the receptive field behind the last.
fn rows(
    plan: &[Planned],
    depth: usize,
    prefix: &str,
    mut field: Field,
    rows_so_far: &mut Vec<LayerSummary>,
) -> Field {
    for planned in plan {
        let before = field;
        let window = |side: usize, stride: usize| {
            before.map(|(field, step)| (field + (side - 1) * step, step * stride))
        };
        let (mut within, mut around) = (Vec::new(), Vec::new());
        field = match &planned.kind {
            PlannedKind::Conv { config, .. } => window(config.extent(), config.stride),
            PlannedKind::MaxPool { side, stride } | PlannedKind::AvgPool { side, stride } => {
                window(*side, *stride)
            }
            PlannedKind::Linear { .. } | PlannedKind::GlobalAvgPool => None,
            PlannedKind::Residual { body, shortcut } => {
                let of_body = rows(body, depth + 1, "", before, &mut within);
                rows(shortcut, depth + 1, "shortcut: ", before, &mut around);
                of_body
            }
            PlannedKind::BatchNorm { .. }
            | PlannedKind::Relu
            | PlannedKind::Nonlinearity(_)
            | PlannedKind::Dropout { .. }
            | PlannedKind::Flatten => before,
        };
        let (n_parameters, multiply_adds, n_statistics) = cost(planned);
        let is_copied = !matches!(planned.kind, PlannedKind::Flatten);
        rows_so_far.push(LayerSummary {
            layer: format!("{prefix}{}", planned.name),
            depth,
            output: planned.size,
            n_parameters,
            multiply_adds,
            receptive_field: field.map(|(side, _)| side),
            output_bytes: if is_copied { planned.size.len() * VALUE } else { 0 },
            tensor_bytes: (n_parameters + n_statistics) * VALUE,
        });
        rows_so_far.append(&mut within);
        rows_so_far.append(&mut around);
    }
    field
}

/// Parameters, multiply-adds, and values that are kept but not learnt by gradients.
fn cost(planned: &Planned) -> (usize, usize, usize) {
    match (&planned.kind, planned.size) {
        (PlannedKind::Conv { config, bias }, Size::Maps { height, width, .. }) => {
            let weights = config.n_weights();
            (weights + usize::from(*bias) * config.output_channels, weights * height * width, 0)
        }
        (PlannedKind::Linear { inputs, outputs }, _) => {
            (inputs * outputs + outputs, inputs * outputs, 0)
        }
        (PlannedKind::BatchNorm { features }, size) => (2 * features, size.len(), 2 * features),
        _ => (0, 0, 0),
    }
}

/// `18.8 kB`, in thousands as disks and torchinfo count.
fn bytes(n: usize) -> String {
    match n {
        0..1000 => format!("{n} B"),
        1000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn};

    #[test]
    fn lenet5_in_numbers() {
        insta::assert_snapshot!(lenet5().unwrap().summary(), @"
        LeNet-5: 61,706 parameters, 416,520 multiply-adds for one image; memory: weights 246.8 kB, outputs for one image 58.4 kB, training with batches of 64 about 8.7 MB

        layer                        output  values  parameters  multiply-adds    memory  receptive field
        ─────────────────────  ────────────  ──────  ──────────  ─────────────  ────────  ───────────────
        input                   1 × 28 × 28     784           0              0    3.1 kB  1 × 1
        conv(6, 5).padding(2)   6 × 28 × 28   4,704         156        117,600   19.4 kB  5 × 5
        relu()                  6 × 28 × 28   4,704           0              0   18.8 kB  5 × 5
        max_pool(2)             6 × 14 × 14   1,176           0              0    4.7 kB  6 × 6
        conv(16, 5)            16 × 10 × 10   1,600       2,416        240,000   16.1 kB  14 × 14
        relu()                 16 × 10 × 10   1,600           0              0    6.4 kB  14 × 14
        max_pool(2)              16 × 5 × 5     400           0              0    1.6 kB  16 × 16
        flatten()                       400     400           0              0       0 B  16 × 16
        linear(120)                     120     120      48,120         48,000  193.0 kB  all
        relu()                          120     120           0              0     480 B  all
        linear(84)                       84      84      10,164         10,080   41.0 kB  all
        relu()                           84      84           0              0     336 B  all
        linear(10)                       10      10         850            840    3.4 kB  all
        ");
    }

    #[test]
    fn a_residual_stands_before_its_layers() {
        insta::assert_snapshot!(mini_resnet([3, 32, 32], 10).unwrap().summary(), @"
        mini ResNet: 78,042 parameters, 12,587,648 multiply-adds for one image; memory: weights 314.9 kB, outputs for one image 1.1 MB, training with batches of 64 about 142.6 MB

        layer                                               output  values  parameters  multiply-adds    memory  receptive field
        ────────────────────────────────────────────  ────────────  ──────  ──────────  ─────────────  ────────  ───────────────
        input                                          3 × 32 × 32   3,072           0              0   12.3 kB  1 × 1
        conv(16, 3).padding(1).no_bias()              16 × 32 × 32  16,384         432        442,368   67.3 kB  3 × 3
        batch_norm()                                  16 × 32 × 32  16,384          32         16,384   65.8 kB  3 × 3
        relu()                                        16 × 32 × 32  16,384           0              0   65.5 kB  3 × 3
        residual(..)                                  16 × 32 × 32  16,384           0              0   65.5 kB  7 × 7
          conv(16, 3).padding(1).no_bias()            16 × 32 × 32  16,384       2,304      2,359,296   74.8 kB  5 × 5
          batch_norm()                                16 × 32 × 32  16,384          32         16,384   65.8 kB  5 × 5
          relu()                                      16 × 32 × 32  16,384           0              0   65.5 kB  5 × 5
          conv(16, 3).padding(1).no_bias()            16 × 32 × 32  16,384       2,304      2,359,296   74.8 kB  7 × 7
          batch_norm()                                16 × 32 × 32  16,384          32         16,384   65.8 kB  7 × 7
        relu()                                        16 × 32 × 32  16,384           0              0   65.5 kB  7 × 7
        residual(..)                                  32 × 16 × 16   8,192           0              0   32.8 kB  13 × 13
          conv(32, 3).stride(2).padding(1).no_bias()  32 × 16 × 16   8,192       4,608      1,179,648   51.2 kB  9 × 9
          batch_norm()                                32 × 16 × 16   8,192          64          8,192   33.3 kB  9 × 9
          relu()                                      32 × 16 × 16   8,192           0              0   32.8 kB  9 × 9
          conv(32, 3).padding(1).no_bias()            32 × 16 × 16   8,192       9,216      2,359,296   69.6 kB  13 × 13
          batch_norm()                                32 × 16 × 16   8,192          64          8,192   33.3 kB  13 × 13
          shortcut: conv(32, 1).stride(2).no_bias()   32 × 16 × 16   8,192         512        131,072   34.8 kB  7 × 7
          shortcut: batch_norm()                      32 × 16 × 16   8,192          64          8,192   33.3 kB  7 × 7
        relu()                                        32 × 16 × 16   8,192           0              0   32.8 kB  13 × 13
        residual(..)                                    64 × 8 × 8   4,096           0              0   16.4 kB  25 × 25
          conv(64, 3).stride(2).padding(1).no_bias()    64 × 8 × 8   4,096      18,432      1,179,648   90.1 kB  17 × 17
          batch_norm()                                  64 × 8 × 8   4,096         128          4,096   17.4 kB  17 × 17
          relu()                                        64 × 8 × 8   4,096           0              0   16.4 kB  17 × 17
          conv(64, 3).padding(1).no_bias()              64 × 8 × 8   4,096      36,864      2,359,296  163.8 kB  25 × 25
          batch_norm()                                  64 × 8 × 8   4,096         128          4,096   17.4 kB  25 × 25
          shortcut: conv(64, 1).stride(2).no_bias()     64 × 8 × 8   4,096       2,048        131,072   24.6 kB  13 × 13
          shortcut: batch_norm()                        64 × 8 × 8   4,096         128          4,096   17.4 kB  13 × 13
        relu()                                          64 × 8 × 8   4,096           0              0   16.4 kB  25 × 25
        global_avg_pool()                               64 × 1 × 1      64           0              0     256 B  all
        flatten()                                               64      64           0              0       0 B  all
        linear(10)                                              10      10         650            640    2.6 kB  all
        ");
        let (vgg, resnet) =
            (mini_vgg([3, 32, 32], 10).unwrap(), mini_resnet([3, 32, 32], 10).unwrap());
        let counts = [vgg.summary().n_parameters, resnet.summary().n_parameters];
        let held = |network: &crate::network::Network| -> usize {
            network.parameters().iter().map(|(_, values)| values.len()).sum()
        };
        assert_eq!(counts, [held(&vgg), held(&resnet)]);
        insta::assert_snapshot!(format!("{counts:?}"), @"[205018, 78042]");
    }

    #[test]
    fn presets_have_similar_budgets() {
        let (mlp, cnn) = (mlp().unwrap().summary(), mnist_cnn().unwrap().summary());
        assert_eq!((mlp.n_parameters, cnn.n_parameters), (61_842, 61_130));
    }
}
