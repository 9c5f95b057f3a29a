//! Heat over an image: what speaks for a class.

use super::colour::{FRAME, Rgb, SOFT_INK, diverging, heat};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::pixels::{of_image, over};
use super::{FigureError, Picture};
use crate::data::Dataset;
use crate::inspection::{Attribution, InspectionError, OcclusionConfig, grad_cam, occlusion};
use crate::network::Network;
use crate::table::{Table, percent};

const SIDE: f64 = 100.0;
const GAP: f64 = 6.0;
const BLOCK: f64 = 3.0 * SIDE + 2.0 * GAP;

/// For each of the images at the given places: the image, how far the probability of the class that
/// the network finds falls when a square covers a part, and both over each other.
///
/// # Errors
/// [`InspectionError::NoImage`] for a place that the data does not have, and as
/// [`occlusion`](crate::inspection::occlusion).
pub fn occlusion_maps(
    network: &Network,
    data: &Dataset,
    places: &[usize],
    config: &OcclusionConfig,
) -> Result<Picture, FigureError> {
    let side = config.side;
    let overlay = Overlay {
        title: format!("{}: what happens when a part is covered", network.name()),
        legend: "orange: covering it lowers the probability of the class found; blue: raises it",
        colour: diverging,
        caption: format!(
            "Occlusion: a square of {side} × {side} pixels covers part after part; orange where the \
             class found then loses most."
        ),
        unit: "greatest fall",
    };
    overlay.draw(data, places, |place| occlusion(network, &data.image(place), None, config))
}

/// For each of the images at the given places: the image, Grad-CAM for the class that the network
/// finds, and both over each other. Without a convolution (from 1) it is taken at the last.
///
/// # Errors
/// [`InspectionError::NoImage`] for a place that the data does not have, and as
/// [`grad_cam`](crate::inspection::grad_cam).
pub fn grad_cam_maps(
    network: &Network,
    data: &Dataset,
    places: &[usize],
    convolution: Option<usize>,
) -> Result<Picture, FigureError> {
    let at = match convolution {
        Some(convolution) => format!("convolution {convolution}"),
        None => "the last convolution".to_owned(),
    };
    let overlay = Overlay {
        title: format!("{}: Grad-CAM at {at}", network.name()),
        legend: "the darker, the more the place speaks for the class found",
        colour: heat,
        caption: format!(
            "Grad-CAM at {at}: where its maps speak for the class found. It is as coarse as those \
             maps."
        ),
        unit: "greatest value",
    };
    overlay.draw(data, places, |place| grad_cam(network, &data.image(place), None, convolution))
}

/// What differs between the two kinds of heat.
struct Overlay {
    title: String,
    legend: &'static str,
    colour: fn(f32) -> Rgb,
    caption: String,
    unit: &'static str,
}

impl Overlay {
    fn draw(
        self,
        data: &Dataset,
        places: &[usize],
        find: impl Fn(usize) -> Result<Attribution, InspectionError>,
    ) -> Result<Picture, FigureError> {
        if places.is_empty() {
            return Err(FigureError::Empty("no image was asked for"));
        }
        let columns = 2.min(places.len());
        let (step_x, step_y) = (BLOCK + 32.0, SIDE + 44.0);
        let width = (2.0 * MARGIN + columns as f64 * step_x - 32.0).max(560.0);
        let height = 66.0 + places.len().div_ceil(columns) as f64 * step_y;
        let mut panel = Panel::new(width, height);
        panel.title(&self.title);
        panel.text(
            MARGIN,
            49.0,
            self.legend,
            Text { size: 12.0, colour: SOFT_INK, ..Text::default() },
        );
        let headers = ["image", "truth", "found", "probability", self.unit, "where (row, column)"];
        let mut table = Table::new(self.caption.clone(), headers);
        for (i, &place) in places.iter().enumerate() {
            if place >= data.len() {
                return Err(InspectionError::NoImage { wanted: place, n: data.len() }.into());
            }
            let (image, found) = (data.image(place), find(place)?);
            let class = data.class_name(u8::try_from(found.class).unwrap_or(u8::MAX));
            let most = found.values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let shares: Vec<f32> =
                found.values.iter().map(|x| x / most.max(f32::MIN_POSITIVE)).collect();
            let pixels = of_image(&image);
            let map: Vec<Rgb> = shares.iter().map(|&share| (self.colour)(share)).collect();
            // Under strong heat a quarter of the image still shows.
            let both = pixels.iter().zip(&map).zip(&shares);
            let both: Vec<Rgb> =
                both.map(|((&pixel, &top), share)| over(top, pixel, 0.75 * share.abs())).collect();
            let x = MARGIN + (i % columns) as f64 * step_x;
            let y = 64.0 + (i / columns) as f64 * step_y;
            for (k, tile) in [&pixels, &map, &both].into_iter().enumerate() {
                let at = [x + k as f64 * (SIDE + GAP), y, SIDE, SIDE];
                panel.pixels(at, image.width, tile)?;
                panel.rectangle(at, "none", FRAME);
            }
            let right = usize::from(image.label) == found.class;
            let probability = percent(f64::from(found.probability));
            let said = match right {
                true => format!("{class}, found with {probability}"),
                false => format!("{}, taken for {class} with {probability}", image.class_name),
            };
            let style = Text { size: 12.0, anchor: Anchor::Start, ..Text::default() };
            panel.text(x, y + SIDE + 16.0, &said, style);
            let greatest = crate::network::best(&found.values);
            table.push([
                (place + 1).to_string(),
                image.class_name.clone(),
                class.to_owned(),
                probability,
                format!("{:.3}", found.values.get(greatest).copied().unwrap_or(0.0)),
                format!("{}, {}", greatest / image.width + 1, greatest % image.width + 1),
            ]);
        }
        let named: Vec<String> = table
            .rows
            .iter()
            .map(|row| format!("{} (strongest at row {})", row[1], row[5].replace(',', ", column")))
            .collect();
        let alt = format!(
            "{} images, each beside a map of heat and under it. {} {}.",
            places.len(),
            self.caption,
            named.join("; ")
        );
        Ok(Picture { svg: panel.finish(&alt), alt, caption: self.caption, data: table })
    }
}
