//! Structure of every picture.

use super::*;
use crate::comparison::mlp_against_cnn;
use crate::data::Splits;
use crate::data::fashion_mnist;
use crate::evaluation::{ShiftCurve, evaluate};
use crate::inspection::{EdgeConfig, IdealConfig, OcclusionConfig, TsneConfig};
use crate::network::{Cnn, Mlp, Network};
use crate::training::{Epoch, FitConfig, History};

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
fn every_layer_in_one_picture() {
    let data = fashion_mnist().unwrap().test;
    let picture = all_layers(&network(), &data.image(0), data.classes()).unwrap();
    // The image, conv, relu, pool, conv, flatten; the scores are bars.
    check(&picture, 6);
    assert_eq!(picture.data.rows.len(), 6);
    assert_eq!(picture.data.rows[3][..2], ["conv(40, 3)", "40 × 11 × 11"]);
    for class in data.classes() {
        assert!(picture.svg.contains(&format!(">{class}</text>")), "{class}");
    }
}

#[test]
fn responses_and_class_images() {
    let data = fashion_mnist().unwrap().test.first(60);
    let config = IdealConfig { steps: 3, seed: 0, ..IdealConfig::default() };
    let picture = channel_responses(&network(), &data, 1, &config).unwrap();
    check(&picture, 8);
    assert_eq!(picture, channel_responses(&network(), &data, 1, &config).unwrap());
    let picture = channel_responses(&network(), &data, 2, &config).unwrap();
    check(&picture, 48);
    assert!(picture.svg.contains("the first 24 of 40 channels"));
    check(&class_images(&network(), data.classes(), &config).unwrap(), 10);
}

#[test]
fn heat_over_images() {
    let data = fashion_mnist().unwrap().test.first(10);
    let config = OcclusionConfig { side: 9, stride: 5, fill: 0.0 };
    check(&occlusion_maps(&network(), &data, &[0, 4, 9], &config).unwrap(), 9);
    let picture = grad_cam_maps(&network(), &data, &[1], Some(1)).unwrap();
    check(&picture, 3);
    let found = network().probabilities(&data.image(1)).unwrap();
    let best = crate::network::best(&found);
    assert_eq!(picture.data.rows[0][2], data.classes()[best]);
    assert_eq!(picture.data.rows[0][3], crate::table::percent(f64::from(found[best])));
    let error = grad_cam_maps(&network(), &data, &[10], None).unwrap_err();
    insta::assert_snapshot!(error, @"there are 10 images, 0 to 9, so there is no image 10");
}

#[test]
fn fields_of_every_convolution() {
    let data = fashion_mnist().unwrap().test.first(3);
    let picture = receptive_fields(&network(), &data, 2).unwrap();
    check(&picture, 4);
    let sizes: Vec<&str> = picture.data.rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(sizes, ["3 × 3", "8 × 8"]);
    assert_eq!(picture.data.rows[0][3], crate::table::percent(9.0 / 784.0));
}

#[test]
fn images_as_points() {
    let data = fashion_mnist().unwrap().test.first(80);
    let picture = pca_scatter(&network(), &data).unwrap();
    check(&picture, 0);
    assert_eq!(picture.data.rows.len(), 11);
    let config = TsneConfig { perplexity: 8.0, steps: 60 };
    let picture = tsne_scatter(&network(), &data, &config).unwrap();
    check(&picture, 0);
    let counted: usize =
        picture.data.rows[..10].iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
    assert_eq!(counted, 80);
    // One mark a point; each class has one more in the legend.
    let squares = data.labels().iter().filter(|label| **label % 3 == 1).count();
    assert!(picture.svg.matches("<polygon").count() == squares, "{squares}");
}

#[test]
fn edges_layer_by_layer() {
    let data = fashion_mnist().unwrap().test.first(40);
    let config = EdgeConfig { patches: 2, controls: 1, seed: 9 };
    let picture = edge_chart(&network(), &data, &config).unwrap();
    check(&picture, 0);
    assert_eq!(picture.data.rows.len(), 2);
    assert_eq!(picture.data.rows[1][..3], ["2", "8 × 8", "40"]);
}

#[test]
fn mistakes_and_comparison() {
    let data = fashion_mnist().unwrap();
    let picture = wrong_predictions(&network(), &data.test.first(50), 7).unwrap();
    check(&picture, 7);
    assert_eq!(picture.data.rows.len(), 7);
    assert!(wrong_predictions(&network(), &data.test.first(0), 7).is_err());
    let data = Splits {
        train: data.train.first(100),
        validation: data.validation.first(40),
        test: data.test.first(40),
    };
    let cnn = Cnn::on([1, 28, 28]).conv(4, 5).relu().max_pool(4).seed(0).classes(10).unwrap();
    let config = FitConfig { epochs: 2, batch: 50, seed: 0, ..FitConfig::default() };
    let both = mlp_against_cnn(cnn, &data, &config, 2).unwrap();
    check(&comparison(&both).unwrap(), 0);
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
