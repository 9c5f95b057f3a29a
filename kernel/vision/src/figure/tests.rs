//! Structure of every picture.

use super::*;
use crate::data::fashion_mnist;
use crate::evaluation::{ShiftCurve, evaluate};
use crate::network::{Cnn, Mlp, Network};
use crate::training::{Epoch, History};

fn check(picture: &Picture, n_images: usize) {
    assert!(picture.svg.starts_with("<svg xmlns=") && picture.svg.ends_with("</svg>\n"));
    assert_eq!(picture.svg.matches("data:image/png;base64,").count(), n_images);
    assert_eq!(picture.svg.matches("<svg").count(), 1);
    assert!(picture.svg.contains(&format!("<title>{}</title>", picture.alt)));
    assert!(picture.alt.len() > 40 && picture.caption.len() > 20);
    assert!(!picture.data.rows.is_empty());
    assert!(picture.svg.len() < 200_000, "{} bytes", picture.svg.len());
}

fn network() -> Network {
    let cnn = Cnn::on([1, 28, 28]).conv(4, 3).relu().max_pool(2).conv(40, 3);
    cnn.seed(0).classes(10).unwrap()
}

#[test]
fn images_and_maps() {
    let data = fashion_mnist().unwrap().test;
    check(&batch_preview(&data, 10).unwrap(), 10);
    check(&layer_maps(&network(), &data.image(0), 1).unwrap(), 5);
    let last = layer_maps(&network(), &data.image(0), 2).unwrap();
    check(&last, 41);
    assert_eq!(last, layer_maps(&network(), &data.image(0), 2).unwrap());
    check(&first_layer_kernels(&network()).unwrap(), 4);
}

#[test]
fn charts_and_matrix() {
    let curve = |network: &str, accuracy| ShiftCurve { network: network.into(), accuracy };
    let curves = [curve("MLP", vec![0.8, 0.5]), curve("CNN", vec![0.9, 0.8])];
    let picture = shift_curves(&curves).unwrap();
    check(&picture, 0);
    insta::assert_snapshot!(picture.caption, @"Shifting the images costs accuracy: MLP from 80.0 % to 50.0 % at 1 pixels, CNN from 90.0 % to 80.0 % at 1 pixels.");
    let epoch = |epoch| Epoch {
        epoch,
        train_loss: 1.0 / epoch as f64,
        train_accuracy: 0.5,
        validation_loss: 1.1,
        validation_accuracy: 0.4,
    };
    let history = History {
        network: "CNN".into(),
        epochs: (1..=3).map(epoch).collect(),
        ..Default::default()
    };
    check(&learning_curves(&[history]).unwrap(), 0);
    let data = fashion_mnist().unwrap().test.first(50);
    check(&confusion_matrix(&evaluate(&network(), &data).unwrap().confusion), 0);
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let image = fashion_mnist().unwrap().test.image(0);
    let error = layer_maps(&network(), &image, 3).unwrap_err();
    insta::assert_snapshot!(error, @"the CNN has 2 convolutions, so there is no convolution 3");
    let mlp = Mlp::on([1, 28, 28]).classes(10).unwrap();
    let error = first_layer_kernels(&mlp).unwrap_err();
    insta::assert_snapshot!(error, @"the MLP has 0 convolutions, so there is no convolution 1");
    assert!(learning_curves(&[]).is_err() && shift_curves(&[]).is_err());
}
