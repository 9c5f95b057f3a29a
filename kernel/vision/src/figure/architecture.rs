//! The architecture of a network: blocks as high as the maps and as wide as they are many.

use super::colour::{INK, LINES, SOFT_INK, hex};
use super::panel::{Anchor, Panel, Text};
use super::{FigureError, Picture};
use crate::network::{Network, Size};
use crate::table::Table;

/// Height of the highest map, and what the lowest has at least, in user units.
const HEIGHT: f64 = 150.0;
const LEAST: f64 = 5.0;
const MARGIN: f64 = 20.0;
const LINE: f64 = 14.0;
/// Height of the text above and space for the arcs of residuals.
const TOP: f64 = 78.0;
/// About the width of a character of the labels.
const CHARACTER: f64 = 6.4;

/// What one block stands for: a layer that gives another size, and those behind it that do not.
struct Block {
    /// The layers as written, each modifier on a line of its own.
    lines: Vec<String>,
    size: Size,
    colour: String,
    is_residual: bool,
}

impl Block {
    /// Maps, rows and columns; a vector is so many maps of one pixel.
    fn extent(&self) -> (usize, usize, usize) {
        match self.size {
            Size::Maps { channels, height, width } => (channels, height, width),
            Size::Vector(n) => (n, 1, 1),
        }
    }

    /// The square root keeps a long vector on the page.
    fn width(&self) -> f64 {
        4.0 + 5.0 * (self.extent().0 as f64).sqrt()
    }

    fn height(&self, highest: usize) -> f64 {
        (HEIGHT * self.extent().1 as f64 / highest as f64).max(LEAST)
    }

    fn column(&self) -> f64 {
        let characters = self.lines.iter().map(|line| line.chars().count());
        let longest = characters.chain([self.size.to_string().chars().count()]).max().unwrap_or(0);
        self.width().max(longest as f64 * CHARACTER) + 14.0
    }
}

/// The network's layers as blocks, from the image to the scores: the height of a block is the height
/// of the maps, its width the square root of their number. The reader sees maps shrink while depth
/// grows. Layers that keep the size, such as ReLU, stand under the block before them; an arc goes
/// around a residual.
///
/// ```
/// use momentum_vision::{figure::architecture, network::lenet5};
/// let picture = architecture(&lenet5()?)?;
/// assert!(picture.alt.contains("from 28 × 28 to 5 × 5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// None for networks that could be built.
pub fn architecture(network: &Network) -> Result<Picture, FigureError> {
    let blocks = blocks(network);
    let highest = blocks.iter().map(|block| block.extent().1).max().unwrap_or(1);
    let rows = blocks.iter().map(|block| block.lines.len()).max().unwrap_or(1) as f64;
    let width = blocks.iter().map(Block::column).sum::<f64>() + 2.0 * MARGIN;
    let base = TOP + HEIGHT;
    let mut panel = Panel::new(width.ceil(), base + 34.0 + LINE * rows);
    let title = Text { size: 15.0, bold: true, ..Text::default() };
    panel.text(MARGIN, 26.0, network.name(), title);
    let small = Text { size: 11.5, anchor: Anchor::Middle, ..Text::default() };
    let mut left = MARGIN;
    for block in &blocks {
        let (middle, wide) = (left + block.column() / 2.0, block.width());
        // All blocks stand around one axis, as maps around the centre of the image.
        let (x, high) = (round(middle - wide / 2.0), round(block.height(highest)));
        let y = round(TOP + (HEIGHT - high) / 2.0);
        let middle = round(middle);
        panel.rectangle([x, y, round(wide), high], &block.colour, INK);
        if block.is_residual {
            let [from, to, over] = [x - 5.0, x + wide + 5.0, y - 16.0].map(round);
            let arc = format!(
                r#"<path d="M{from} {0}C{from} {over} {to} {over} {to} {0}" fill="none" stroke="{INK}" stroke-width="1.5"/>"#,
                round(y + high.min(12.0))
            );
            panel.group(0.0, 0.0, &arc);
        }
        let above = if block.is_residual { 20.0 } else { 7.0 };
        panel.text(middle, round(y - above), &block.size.to_string(), small);
        for (i, line) in block.lines.iter().enumerate() {
            let grey = Text { colour: if i == 0 { INK } else { SOFT_INK }, ..small };
            panel.text(middle, round(base + 22.0 + LINE * i as f64), line, grey);
        }
        left += block.column();
    }
    let alt = alt(network, &blocks);
    let caption = format!(
        "Architecture of the {}: the height of a block is the height of the maps, its width the \
         square root of their number",
        network.name()
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: data(network, &blocks) })
}

fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

fn blocks(network: &Network) -> Vec<Block> {
    let [channels, height, width] = network.input_shape();
    let mut blocks = vec![Block {
        lines: vec!["image".into()],
        size: Size::Maps { channels, height, width },
        colour: "#ffffff".into(),
        is_residual: false,
    }];
    for (name, size) in network.layers() {
        let lines = lines(name);
        let is_residual = name.starts_with("residual");
        let has_weights = is_residual || name.starts_with("conv") || name.starts_with("linear");
        match blocks.last_mut() {
            Some(last) if last.size == size && !has_weights => last.lines.extend(lines),
            _ => blocks.push(Block { lines, size, colour: colour(name), is_residual }),
        }
    }
    blocks
}

/// A layer with each of its modifiers on a line of its own.
fn lines(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, part) in name.split(").").enumerate() {
        let dot = if i == 0 { "" } else { "." };
        let end = if part.ends_with(')') { "" } else { ")" };
        lines.push(format!("{dot}{part}{end}"));
    }
    lines
}

fn colour(name: &str) -> String {
    let place = match name {
        name if name.starts_with("conv") => 1,
        name if name.contains("pool") => 2,
        name if name.starts_with("residual") => 3,
        _ => 0,
    };
    hex(LINES[place])
}

fn alt(network: &Network, blocks: &[Block]) -> String {
    let maps: Vec<(usize, usize, usize)> = blocks
        .iter()
        .filter(|block| matches!(block.size, Size::Maps { .. }))
        .map(Block::extent)
        .collect();
    let name = network.name();
    let n_layers = network.layers().len();
    let first = maps.first().copied().unwrap_or((1, 1, 1));
    let last = maps.last().copied().unwrap_or(first);
    let way = if maps.len() > 1 {
        format!(
            "The maps go from {} × {} to {} × {} pixels and from {} to {} maps, then become",
            first.1, first.2, last.1, last.2, first.0, last.0
        )
    } else {
        "The image becomes".to_owned()
    };
    let widest = blocks.iter().filter(|block| matches!(block.size, Size::Vector(_)));
    let longest = widest.map(|block| block.size.len()).max().unwrap_or(0);
    format!(
        "Architecture of the {name} as {} blocks for {n_layers} layers. {way} one vector of up to \
         {longest} features, then {} scores.",
        blocks.len(),
        network.n_classes()
    )
}

fn data(network: &Network, blocks: &[Block]) -> Table {
    let caption = format!("Blocks of the {}", network.name());
    let mut table = Table::new(caption, ["block", "layers", "maps or features", "height", "width"]);
    for (i, block) in blocks.iter().enumerate() {
        let (channels, height, width) = block.extent();
        let layers = block.lines.join(" ").replace(" .", ".");
        let [channels, height, width] = [channels, height, width].map(|n| n.to_string());
        table.push([i.to_string(), layers, channels, height, width]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{lenet5, mini_resnet, mlp};

    #[test]
    fn maps_shrink_while_depth_grows() {
        let network = lenet5().unwrap();
        let all = blocks(&network);
        let maps: Vec<&Block> =
            all.iter().filter(|block| matches!(block.size, Size::Maps { .. })).collect();
        let heights: Vec<f64> = maps.iter().map(|block| block.height(28)).collect();
        let widths: Vec<f64> = maps.iter().map(|block| block.width()).collect();
        assert!(heights.is_sorted_by(|a, b| a >= b), "{heights:?}");
        assert!(widths.is_sorted(), "{widths:?}");
        insta::assert_snapshot!(architecture(&network).unwrap().data, @"
        Blocks of the LeNet-5

        block  layers                        maps or features  height  width
        ─────  ────────────────────────────  ────────────────  ──────  ─────
            0  image                                        1      28     28
            1  conv(6, 5).padding(2) relu()                 6      28     28
            2  max_pool(2)                                  6      14     14
            3  conv(16, 5) relu()                          16      10     10
            4  max_pool(2)                                 16       5      5
            5  flatten()                                  400       1      1
            6  linear(120) relu()                         120       1      1
            7  linear(84) relu()                           84       1      1
            8  linear(10)                                  10       1      1
        ");
    }

    #[test]
    fn what_is_said_to_those_who_do_not_see_it() {
        insta::assert_snapshot!(architecture(&lenet5().unwrap()).unwrap().alt, @"Architecture of the LeNet-5 as 9 blocks for 12 layers. The maps go from 28 × 28 to 5 × 5 pixels and from 1 to 16 maps, then become one vector of up to 400 features, then 10 scores.");
        insta::assert_snapshot!(architecture(&mlp().unwrap()).unwrap().alt, @"Architecture of the MLP as 5 blocks for 6 layers. The image becomes one vector of up to 784 features, then 10 scores.");
    }

    #[test]
    fn an_arc_goes_around_each_residual() {
        let picture = architecture(&mini_resnet([3, 32, 32], 10).unwrap()).unwrap();
        assert_eq!(picture.svg.matches("stroke-width=\"1.5\"").count(), 3);
        assert!(picture.svg.contains(">global_avg_pool()<"));
    }

    #[test]
    fn modifiers_stand_on_lines_of_their_own() {
        assert_eq!(lines("relu()"), ["relu()"]);
        assert_eq!(lines("residual(..)"), ["residual(..)"]);
        assert_eq!(
            lines("conv(6, 5).stride(2).no_bias()"),
            ["conv(6, 5)", ".stride(2)", ".no_bias()"]
        );
    }
}
