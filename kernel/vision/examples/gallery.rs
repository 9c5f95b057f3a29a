//! Trains a small network and writes every picture of it into a folder, with its text alternative and
//! its numbers beside it.
//!
//! `cargo run --release -p momentum-vision --example gallery -- FOLDER [IMAGES]`. With a number of
//! images it learns from so many alone, which is quicker.

use momentum_vision::inspection::mistakes;
use momentum_vision::prelude::*;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder to write to")?;
    std::fs::create_dir_all(&folder)?;
    let save = |name: &str, picture: Picture| -> Result<(), Box<dyn Error>> {
        let path = Path::new(&folder).join(name);
        std::fs::write(path.with_extension("svg"), &picture.svg)?;
        let words = format!("{}\n\n{}\n\n{}", picture.alt, picture.caption, picture.data);
        std::fs::write(path.with_extension("txt"), words)?;
        println!("{name}: {} bytes. {}", picture.svg.len(), picture.caption);
        Ok(())
    };

    let mut data = fashion_mnist()?;
    if let Some(n) = std::env::args().nth(2) {
        data.train = data.train.first(n.parse()?);
    }
    let cnn = Cnn::on([1, 28, 28])
        .conv(16, 5)
        .padding(2)
        .relu()
        .max_pool(2)
        .conv(32, 3)
        .padding(1)
        .relu()
        .max_pool(2)
        .conv(64, 3)
        .padding(1)
        .relu()
        .max_pool(2)
        .hidden(64)
        .seed(0)
        .classes(10)?;
    let config = FitConfig {
        epochs: 5,
        batch: 32,
        learning_rate: 0.003,
        decay: 0.7,
        seed: 0,
        ..FitConfig::default()
    };
    save("batch-preview", batch_preview(&data.train, 24)?)?;
    let both = mlp_against_cnn(cnn, &data, &config, 4)?;
    save("mlp-against-cnn", comparison(&both)?)?;
    save("learning-curves", learning_curves(&both.histories)?)?;
    save("shift-curves", shift_curves(&both.shifts)?)?;
    let [_, cnn] = &both.networks;
    save("confusion-matrix", confusion_matrix(&evaluate(cnn, &data.test)?.confusion))?;
    save("wrong-predictions", wrong_predictions(cnn, &data.test, 12)?)?;
    save("first-layer-kernels", first_layer_kernels(cnn)?)?;
    let boot = data.test.first_of("Ankle boot").ok_or("no boot")?;
    save("layer-maps", layer_maps(cnn, &boot, 3)?)?;
    save("all-layers", all_layers(cnn, &boot, data.test.classes())?)?;
    save("receptive-fields", receptive_fields(cnn, &data.test, 0)?)?;
    let ideal = IdealConfig { seed: 0, ..IdealConfig::default() };
    for convolution in 1..=3 {
        let picture = channel_responses(cnn, &data.train, convolution, &ideal)?;
        save(&format!("channel-responses-{convolution}"), picture)?;
    }
    save("class-images", class_images(cnn, data.test.classes(), &ideal)?)?;
    let mut places = vec![0, 1, 2, 3];
    places.extend(mistakes(cnn, &data.test)?.iter().take(2).map(|mistake| mistake.image));
    let occlusion = OcclusionConfig::default();
    save("occlusion", occlusion_maps(cnn, &data.test, &places, &occlusion)?)?;
    save("grad-cam", grad_cam_maps(cnn, &data.test, &places, None)?)?;
    save("pca", pca_scatter(cnn, &data.test)?)?;
    save("tsne", tsne_scatter(cnn, &data.test, &TsneConfig::default())?)?;
    save("edges", edge_chart(cnn, &data.train, &EdgeConfig::default())?)
}
