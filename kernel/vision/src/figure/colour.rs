//! Colours.

pub(super) type Rgb = [u8; 3];

pub(super) const PAPER: &str = "#fbfaf6";
pub(super) const PAPER_RGB: Rgb = [251, 250, 246];
pub(super) const FRAME: &str = "#d9d5c8";
pub(super) const INK: &str = "#1f2730";
pub(super) const SOFT_INK: &str = "#5b6470";

/// Okabe and Ito's colours for lines, darkest first so that thin lines read on paper.
pub(super) const LINES: [Rgb; 4] = [[213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167]];

/// Tol's muted colours (2021) for up to ten classes; the last is a grey.
pub(super) const CLASSES: [Rgb; 10] = [
    [51, 34, 136],
    [204, 102, 119],
    [17, 119, 51],
    [136, 34, 85],
    [68, 170, 153],
    [153, 153, 51],
    [170, 68, 153],
    [221, 170, 51],
    [102, 178, 224],
    [95, 95, 95],
];

const VIRIDIS: [Rgb; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];
const DIVERGING: [Rgb; 5] =
    [[5, 72, 128], [86, 160, 206], [247, 247, 243], [232, 150, 82], [158, 61, 0]];
const HEAT: [Rgb; 5] =
    [[251, 250, 246], [253, 212, 158], [240, 130, 70], [190, 40, 30], [100, 0, 20]];
const BLUES: [Rgb; 5] =
    [[251, 250, 246], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];

/// From dark violet (0) to yellow (1).
pub(super) fn viridis(share: f32) -> Rgb {
    ramp(&VIRIDIS, share)
}

/// From blue (-1) through white (0) to orange (1).
pub(super) fn diverging(value: f32) -> Rgb {
    ramp(&DIVERGING, (value + 1.0) / 2.0)
}

/// From paper (0) through orange to dark red (1).
pub(super) fn heat(share: f32) -> Rgb {
    ramp(&HEAT, share)
}

/// From paper (0) to dark blue (1).
pub(super) fn blues(share: f32) -> Rgb {
    ramp(&BLUES, share)
}

pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn ramp(anchors: &[Rgb], share: f32) -> Rgb {
    let last = anchors.len() - 1;
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let at = share * last as f32;
    let low = (at as usize).min(last);
    let (from, to) = (anchors[low], anchors[(low + 1).min(last)]);
    let part = at - low as f32;
    std::array::from_fn(|i| {
        let (from, to) = (f32::from(from[i]), f32::from(to[i]));
        (from + (to - from) * part).round() as u8
    })
}
