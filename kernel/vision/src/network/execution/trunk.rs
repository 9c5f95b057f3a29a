//! Convolutions with their ReLUs and poolings, image by image, up to the long vector of features.

use crate::convolution::{
    Convolution, Filters, IMAGES_PER_SUM, SLACK, Scratch, add, channels_first, channels_last,
};
use crate::pooling::MaxPooling;
use rayon::prelude::*;
use std::cell::RefCell;

/// Numbers of the sums that one task adds up.
const SUM_LEN: usize = 1 << 13;

/// A convolution, and the ReLU and the pooling behind it if there are any.
#[derive(Clone, Debug)]
pub(super) struct MapStage {
    pub(super) convolution: Convolution,
    channels: usize,
    pub(super) relu: bool,
    pub(super) pool: Option<MaxPooling>,
}

impl MapStage {
    pub(super) fn new(convolution: Convolution, channels: usize) -> Self {
        MapStage { convolution, channels, relu: false, pool: None }
    }

    /// Values of one image that come out.
    fn output_len(&self) -> usize {
        match &self.pool {
            Some(pool) => self.channels * pool.positions(),
            None => self.convolution.output_len(),
        }
    }

    /// Places that are kept of one image.
    fn n_places(&self) -> usize {
        if self.pool.is_some() { self.output_len() } else { 0 }
    }
}

/// The stages of maps.
#[derive(Clone, Debug)]
pub(super) struct Trunk {
    channels: usize,
    pixels: usize,
    stages: Vec<MapStage>,
}

/// What a batch leaves for the way back.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// For each image: itself with channels last if it has several, and what each stage answered that
    /// is looked at again.
    maps: Vec<f32>,
    /// For each image and pooling: where the greatest values were.
    places: Vec<u8>,
    /// Sums of the weights' gradients, for a fixed number of images each.
    sums: Vec<f32>,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
struct Buffers {
    scratch: Scratch,
    maps: Vec<f32>,
    /// The last stage's answer, where it need not be kept.
    last: Vec<f32>,
    /// A convolution's answer before its pooling, or its gradient.
    whole: Vec<f32>,
    /// Gradients that come from behind, and that go on.
    slopes: [Vec<f32>; 2],
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Trunk {
    pub(super) fn new(channels: usize, pixels: usize) -> Self {
        Trunk { channels, pixels, stages: Vec::new() }
    }

    pub(super) fn push(&mut self, stage: MapStage) {
        self.stages.push(stage);
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut MapStage> {
        self.stages.last_mut()
    }

    pub(super) fn stages(&self) -> &[MapStage] {
        &self.stages
    }

    pub(super) fn image_len(&self) -> usize {
        self.channels * self.pixels
    }

    /// Length of an image that had to be turned.
    fn turned_len(&self) -> usize {
        if self.channels > 1 { self.image_len() } else { 0 }
    }

    /// What an image leaves; at least 1, so that no chunk is empty.
    fn maps_len(&self) -> usize {
        (self.turned_len() + self.all_kept_len()).max(1)
    }

    fn all_kept_len(&self) -> usize {
        (0..self.stages.len()).map(|i| self.kept_len(i)).sum()
    }

    /// How much of a stage's answer is kept: nothing of the last one's if it pools, since the places of
    /// the greatest values are all that its way back needs.
    fn kept_len(&self, i: usize) -> usize {
        let stage = &self.stages[i];
        if i + 1 == self.stages.len() && stage.pool.is_some() { 0 } else { stage.output_len() }
    }

    fn places_len(&self) -> usize {
        self.stages.iter().map(MapStage::n_places).sum()
    }

    fn n_sums(&self) -> usize {
        self.stages.iter().map(|stage| stage.convolution.n_sums()).sum()
    }

    /// From images, `[batch, channels, pixels]`, to features, `[batch, channels, pixels]`, and what
    /// the way back needs.
    pub(super) fn forward(
        &self,
        filters: &[Filters],
        images: &[f32],
        kept: &mut Kept,
        features: &mut [f32],
    ) {
        let batch = images.len() / self.image_len();
        let features_len = features.len() / batch;
        kept.maps.resize(batch * self.maps_len(), 0.0);
        // One more for each image, so that the chunks are not empty where nothing is pooled.
        kept.places.resize(batch * (self.places_len() + 1), 0);
        images
            .par_chunks_exact(self.image_len())
            .zip(features.par_chunks_exact_mut(features_len))
            .zip(kept.maps.par_chunks_exact_mut(self.maps_len()))
            .zip(kept.places.par_chunks_exact_mut(self.places_len() + 1))
            .for_each(|(((image, features), maps), places)| {
                BUFFERS.with_borrow_mut(|buffers| {
                    self.forward_image(filters, image, maps, places, features, buffers);
                });
            });
    }

    /// [`Trunk::forward`] on the calling thread, with nothing kept.
    pub(super) fn answer(&self, filters: &[Filters], images: &[f32], features: &mut [f32]) {
        let images = images.chunks_exact(self.image_len());
        let features_len = features.len() / images.len();
        BUFFERS.with_borrow_mut(|buffers| {
            let mut maps = std::mem::take(&mut buffers.maps);
            maps.resize(self.maps_len(), 0.0);
            for (image, features) in images.zip(features.chunks_exact_mut(features_len)) {
                self.forward_image(filters, image, &mut maps, &mut [], features, buffers);
            }
            buffers.maps = maps;
        });
    }

    /// Places are written only if there is room for them.
    fn forward_image(
        &self,
        filters: &[Filters],
        image: &[f32],
        maps: &mut [f32],
        mut places: &mut [u8],
        features: &mut [f32],
        buffers: &mut Buffers,
    ) {
        let (turned, mut rest) = maps.split_at_mut(self.turned_len());
        if !turned.is_empty() {
            channels_last(image, self.channels, turned);
        }
        let (mut x, mut channels) = (if turned.is_empty() { image } else { turned }, self.channels);
        let mut last = std::mem::take(&mut buffers.last);
        last.resize(self.stages.last().map_or(0, MapStage::output_len), 0.0);
        let mut unkept = last.as_mut_slice();
        for (i, (stage, filters)) in self.stages.iter().zip(filters).enumerate() {
            let (mut y, after) = rest.split_at_mut(self.kept_len(i));
            if y.is_empty() {
                y = std::mem::take(&mut unkept);
            }
            let (stage_places, after_places) =
                places.split_at_mut(stage.n_places().min(places.len()));
            let convolution = &stage.convolution;
            match &stage.pool {
                Some(pool) => {
                    buffers.whole.resize(convolution.output_len() + SLACK, 0.0);
                    let whole = &mut buffers.whole[..convolution.output_len()];
                    convolution.forward_image(filters, x, whole, &mut buffers.scratch);
                    pool.forward_last(&buffers.whole, stage.channels, stage.relu, y, stage_places);
                }
                None => {
                    convolution.forward_image(filters, x, y, &mut buffers.scratch);
                    if stage.relu {
                        y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
                    }
                }
            }
            (x, channels, rest, places) = (y, stage.channels, after, after_places);
        }
        channels_first(x, channels, features, |_, value| value);
        buffers.last = last;
    }

    /// Writes the gradients of all weights and biases, given those of the features.
    pub(super) fn backward(
        &self,
        filters: &[Filters],
        images: &[f32],
        kept: &mut Kept,
        d_features: &[f32],
        gradients: &mut [Vec<f32>],
    ) {
        let batch = images.len() / self.image_len();
        let features_len = d_features.len() / batch;
        let n_sums = self.n_sums();
        let Kept { maps, places, sums } = kept;
        sums.resize(batch.div_ceil(IMAGES_PER_SUM) * n_sums, 0.0);
        let slopes = d_features.par_chunks(IMAGES_PER_SUM * features_len);
        let images = images.par_chunks(IMAGES_PER_SUM * self.image_len());
        let maps = maps.par_chunks(IMAGES_PER_SUM * self.maps_len());
        let places = places.par_chunks(IMAGES_PER_SUM * (self.places_len() + 1));
        let inputs = images.zip(maps.zip(places)).zip(slopes);
        sums.par_chunks_exact_mut(n_sums).zip(inputs).for_each(
            |(sums, ((images, (maps, places)), slopes))| {
                sums.fill(0.0);
                let images = images.chunks_exact(self.image_len());
                let maps = maps.chunks_exact(self.maps_len());
                let places = places.chunks_exact(self.places_len() + 1);
                let slopes = slopes.chunks_exact(features_len);
                for ((image, slopes), (maps, places)) in images.zip(slopes).zip(maps.zip(places)) {
                    BUFFERS.with_borrow_mut(|buffers| {
                        self.backward_image(filters, image, maps, places, slopes, sums, buffers);
                    });
                }
            },
        );
        let (total, others) = sums.split_at_mut(n_sums);
        total.par_chunks_mut(SUM_LEN).enumerate().for_each(|(i, total)| {
            for sums in others.chunks_exact(n_sums) {
                add(total, &sums[i * SUM_LEN..][..total.len()]);
            }
        });
        let mut rest = &*total;
        for (stage, pair) in self.stages.iter().zip(gradients.chunks_exact_mut(2)) {
            let (sums, after) = rest.split_at(stage.convolution.n_sums());
            let [d_weight, d_bias] = pair else { return };
            d_weight.fill(0.0);
            d_bias.fill(0.0);
            stage.convolution.finish(sums, d_weight, d_bias);
            rest = after;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what one image needs of six buffers")]
    fn backward_image(
        &self,
        filters: &[Filters],
        image: &[f32],
        maps: &[f32],
        places: &[u8],
        d_features: &[f32],
        sums: &mut [f32],
        buffers: &mut Buffers,
    ) {
        let Buffers { scratch, whole, slopes: [dy, dx], .. } = buffers;
        let (turned, maps) = maps.split_at(self.turned_len());
        let first = if turned.is_empty() { image } else { turned };
        let Some(last) = self.stages.last() else { return };
        dy.resize(last.output_len() + SLACK, 0.0);
        channels_last(d_features, last.channels, &mut dy[..last.output_len()]);
        let (mut maps_end, mut places_end, mut sums_end) =
            (self.all_kept_len(), self.places_len(), sums.len());
        for (i, stage) in self.stages.iter().enumerate().rev() {
            let convolution = &stage.convolution;
            let y = &maps[maps_end - self.kept_len(i)..maps_end];
            maps_end -= y.len();
            let places = &places[places_end - stage.n_places()..places_end];
            places_end -= stage.n_places();
            let sums = &mut sums[sums_end - convolution.n_sums()..sums_end];
            sums_end -= convolution.n_sums();
            let x = match i {
                0 => first,
                _ => &maps[maps_end - convolution.input_len()..maps_end],
            };
            let dy_whole = match &stage.pool {
                Some(pool) => {
                    whole.resize(convolution.output_len() + SLACK, 0.0);
                    let whole_image = &mut whole[..convolution.output_len()];
                    let dy = &dy[..stage.output_len()];
                    pool.backward_last(places, dy, stage.channels, whole_image);
                    &*whole
                }
                None => {
                    if stage.relu {
                        for (dy, y) in dy.iter_mut().zip(y) {
                            *dy = if *y > 0.0 { *dy } else { 0.0 };
                        }
                    }
                    &*dy
                }
            };
            if i == 0 {
                return convolution.backward_image(&filters[i], x, dy_whole, sums, None, scratch);
            }
            dx.resize(convolution.input_len() + SLACK, 0.0);
            let d_image = Some(&mut dx[..convolution.input_len()]);
            convolution.backward_image(&filters[i], x, dy_whole, sums, d_image, scratch);
            std::mem::swap(dx, dy);
        }
    }
}
