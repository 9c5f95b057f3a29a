//! The lesson's story without a notebook: an MLP and a CNN on the same images, and what they see.
//!
//! `cargo run --release -p momentum-vision --example mlp_and_cnn -- FOLDER` writes the pictures to
//! the folder, one SVG and one text file each.

use momentum_vision::prelude::*;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder: PathBuf =
        std::env::args_os().nth(1).ok_or("name a folder for the pictures")?.into();
    std::fs::create_dir_all(&folder)?;
    let data = fashion_mnist()?;
    write(&folder, "data-sample", &batch_preview(&data.train, 24)?)?;

    let mut mlp = mlp()?;
    let mut cnn = mnist_cnn()?;
    println!("{}\n{}", mlp.summary(), cnn.summary());
    let config =
        FitConfig { epochs: 10, batch: 32, learning_rate: 0.003, decay: 0.8, ..Default::default() };
    let histories = [train(&mut mlp, &data, &config)?, train(&mut cnn, &data, &config)?];
    write(&folder, "curves", &learning_curves(&histories)?)?;

    let of_mlp = evaluate(&mlp, &data.test)?;
    let of_cnn = evaluate(&cnn, &data.test)?;
    println!("test accuracy: MLP {}, CNN {}", percent(of_mlp.accuracy), percent(of_cnn.accuracy));
    write(&folder, "confusion", &confusion_matrix(&of_cnn.confusion))?;
    let shifts = [shift_curve(&mlp, &data.test, 4)?, shift_curve(&cnn, &data.test, 4)?];
    write(&folder, "shifted", &shift_curves(&shifts)?)?;

    let boot = data.test.first_of("Ankle boot").ok_or("the data has boots")?;
    write(&folder, "layer-1-maps", &layer_maps(&cnn, &boot, 1)?)?;
    write(&folder, "last-layer-maps", &layer_maps(&cnn, &boot, 3)?)?;
    write(&folder, "kernels", &first_layer_kernels(&cnn)?)?;
    Ok(())
}

fn train(
    network: &mut Network,
    data: &Splits,
    config: &FitConfig,
) -> Result<History, Box<dyn std::error::Error>> {
    let start = std::time::Instant::now();
    let mut bar = TerminalBar::stderr();
    let history = network.fit_with(&data.train, &data.validation, config, &mut |progress| {
        bar.observe(&progress);
    })?;
    bar.finish()?;
    println!("{history}took {:.1?}\n", start.elapsed());
    Ok(history)
}

fn write(folder: &Path, name: &str, picture: &Picture) -> std::io::Result<()> {
    std::fs::write(folder.join(name).with_extension("svg"), &picture.svg)?;
    let text = format!("{}\n\n{}\n\n{}", picture.caption, picture.alt, picture.data);
    std::fs::write(folder.join(name).with_extension("txt"), text)
}
