//! What each phantom family stands for: its classes' shares of the image, its shapes, its look.

use runner::report::figure::save;
use runner::report::figure::scribbles::{Column, Overlay, Scribbles, View};
use runner::science::data::{Family, Phantom, Volume};

/// As in `experiments/datasets/phantom_*.yaml`.
pub fn like_the_real_ones(family: Family) -> Phantom {
    let base = Phantom { family, ..Phantom::default() };
    match family {
        Family::Ventricles => Phantom { size: 224, spacing_mm: 1.51, cases: 20, ..base },
        Family::Ring => Phantom { size: 224, spacing_mm: 1.45, cases: 20, ..base },
        Family::AbdomenT1 | Family::AbdomenT2 => {
            Phantom { size: 192, spacing_mm: 1.89, slices: 16, cases: 20, noise: 0.03, ..base }
        }
        Family::Pedestrians => {
            Phantom { size: 160, spacing_mm: 1.0, slices: 1, cases: 200, noise: 0.02, bias: 0.3, texture: 0.06, ..base }
        }
    }
}

/// Mean share of the image of every class, in percent.
fn shares(volumes: &[Volume], classes: usize) -> Vec<f64> {
    let pixels: usize = volumes.iter().map(|volume| volume.mask.data.len()).sum();
    let count = |class: usize| {
        volumes.iter().flat_map(|volume| &volume.mask.data).filter(|&&label| usize::from(label) == class).count()
    };
    (0..classes).map(|class| 100.0 * count(class) as f64 / pixels as f64).collect()
}

/// Bounds on the share of each class in percent, from the doc comments of the families.
fn aims(family: Family) -> &'static [(f64, f64)] {
    match family {
        Family::Ventricles => &[(96.0, 99.0), (0.3, 1.2), (0.6, 1.6), (0.3, 1.2)],
        Family::Ring => &[(98.9, 99.5), (0.6, 1.0)],
        Family::AbdomenT1 | Family::AbdomenT2 => &[(90.0, 95.0), (4.0, 7.0), (0.35, 0.9), (0.35, 0.9), (0.7, 1.5)],
        Family::Pedestrians => {
            const PART: (f64, f64) = (0.5, 3.0);
            &[(65.0, 78.0), PART, PART, (10.0, 15.0), (7.0, 12.0), PART, PART, PART]
        }
    }
}

fn some(family: Family, cases: usize) -> Vec<Volume> {
    let phantom = like_the_real_ones(family);
    // A quarter of the pixels: shares are the same.
    let small = Phantom { size: phantom.size / 2, spacing_mm: phantom.spacing_mm * 2.0, ..phantom };
    (0..cases).flat_map(|index| small.case(index, 1)).collect()
}

#[test]
fn classes_have_the_shares_that_are_aimed_at() {
    for family in Family::ALL {
        let found = shares(&some(family, if family == Family::Pedestrians { 60 } else { 12 }), aims(family).len());
        for (class, (share, (low, high))) in found.iter().zip(aims(family)).enumerate() {
            assert!((low..=high).contains(&share), "{family:?} {}: {share:.2} %", family.classes()[class]);
        }
    }
}

#[test]
fn abdominal_organs_are_absent_from_many_slices_and_each_has_its_side() {
    let volumes = some(Family::AbdomenT1, 8);
    for (class, range) in [(1, 0.55..0.85), (2, 0.3..0.6), (3, 0.3..0.6), (4, 0.3..0.6)] {
        let slices =
            volumes.iter().flat_map(|volume| (0..volume.mask.slices).map(move |slice| volume.mask.slice(slice)));
        let shown: Vec<bool> = slices.map(|slice| slice.contains(&class)).collect();
        let share = shown.iter().filter(|shown| **shown).count() as f64 / shown.len() as f64;
        assert!(range.contains(&share), "class {class} is in {share} of the slices");
    }
    for volume in &volumes {
        // Seen from the feet: what is the patient's right is on the left.
        let middle = |class: u8| {
            let columns = volume.mask.data.iter().enumerate().filter(|(_, label)| **label == class);
            let columns: Vec<f64> = columns.map(|(pixel, _)| (pixel % volume.mask.width) as f64).collect();
            columns.iter().sum::<f64>() / columns.len() as f64
        };
        assert!(middle(1) < middle(4) && middle(2) < middle(3), "{}", volume.case);
    }
}

#[test]
fn both_contrasts_show_the_same_abdomens() {
    let [t1, t2] = [Family::AbdomenT1, Family::AbdomenT2].map(|family| some(family, 2));
    let mean = |volume: &Volume, class: u8| {
        let pixels = volume.image.data.iter().zip(&volume.mask.data).filter(|(_, label)| **label == class);
        let values: Vec<f32> = pixels.map(|(value, _)| *value).collect();
        values.iter().sum::<f32>() / values.len() as f32
    };
    for (t1, t2) in t1.iter().zip(&t2) {
        assert_eq!(t1.mask, t2.mask);
        assert!(mean(t1, 1) > mean(t1, 4), "in T1 the liver is brighter than the spleen");
        assert!(mean(t2, 1) < mean(t2, 4), "in T2 it is darker");
    }
}

#[test]
fn rings_are_thin_and_some_are_open() {
    // Thin: nearly every pixel has something else within 5 of 2.9 mm (half of the thickest wall).
    let volumes = some(Family::Ring, 6);
    assert_eq!(volumes.len(), 12);
    for volume in &volumes {
        let (width, mask) = (volume.mask.width, &volume.mask);
        for slice in 0..mask.slices {
            let labels = mask.slice(slice);
            for pixel in (0..labels.len()).filter(|&pixel| labels[pixel] == 1) {
                let row = pixel / width * width;
                let run = labels[row..pixel].iter().rev().take_while(|&&label| label == 1).count();
                assert!(run < 60, "{} slice {slice}: a run of {run}", volume.case);
            }
        }
        assert!(mask.data.iter().all(|&label| label < 2));
    }
}

#[test]
fn photos_are_in_colour_twice_as_high_as_wide_and_named_after_their_camera() {
    let phantom = like_the_real_ones(Family::Pedestrians);
    let photos: Vec<Volume> = [0, 7, 8].into_iter().map(|index| phantom.case(index, 1).swap_remove(0)).collect();
    for photo in &photos {
        let Volume { image, mask, .. } = photo;
        assert_eq!([image.slices, image.channels, image.height, image.width], [1, 3, 160, 80]);
        assert_eq!([mask.slices, mask.height, mask.width], [1, 160, 80]);
        assert!(image.data.iter().all(|value| (0.0..=255.0).contains(value) && value.fract() == 0.0));
        assert_ne!(image.data[..160 * 80], image.data[160 * 80..2 * 160 * 80]);
    }
    let groups: Vec<Option<&str>> = photos.iter().map(|photo| photo.group.as_deref()).collect();
    assert_eq!(groups, [Some("1"), Some("1"), Some("2")]);
    // The ground in a corner: alike in the photos of one camera.
    let corner = |photo: &Volume| photo.image.data[..80 * 8].iter().sum::<f32>() / (80.0 * 8.0);
    let [a, b, c] = [0, 1, 2].map(|index| corner(&photos[index]));
    assert!((a - b).abs() < (a - c).abs(), "{a} {b} {c}");
    // Other families have no groups.
    assert!(Phantom::default().case(0, 0)[0].group.is_none());
}

#[test]
fn some_pedestrians_are_hidden_in_part() {
    let photos = some(Family::Pedestrians, 60);
    let without_shoes = photos.iter().filter(|photo| !photo.mask.data.contains(&7)).count();
    assert!((6..30).contains(&without_shoes), "{without_shoes} of 60 stand behind something");
}

/// Looked at when `RUNNER_FIGURES` names a folder.
#[test]
fn contact_sheets() {
    let Some(folder) = std::env::var_os("RUNNER_FIGURES") else { return };
    for family in Family::ALL {
        let phantom = like_the_real_ones(family);
        let view = |volume: &Volume, slice: usize, masked: bool| View {
            width: volume.image.width,
            height: volume.image.height,
            channels: volume.image.channels,
            image: volume.image.slice(slice).to_vec(),
            overlay: if masked { Overlay::Mask(volume.mask.slice(slice).to_vec()) } else { Overlay::Nothing },
        };
        let classes: Vec<String> = family.classes().iter().map(|&name| name.to_owned()).collect();
        let columns = (0..6).map(|column| {
            let mut views = Vec::new();
            for row in 0..3 {
                let case = phantom.case(if family == Family::Pedestrians { column * 3 + row } else { row }, 1);
                let volume = &case[column % case.len()];
                let slice = column * (volume.image.slices - 1) / 5;
                views.extend([view(volume, slice, false), view(volume, slice, true)]);
            }
            Column { title: format!("{column}"), subtitle: String::new(), classes: classes.clone(), views }
        });
        let sheet = Scribbles { title: format!("{family:?}"), rows: Vec::new(), columns: columns.collect() };
        save(&sheet.checked().unwrap(), folder.as_ref(), &format!("sheet_{family:?}"), "test").unwrap();
        let volumes: Vec<Volume> = (0..20).flat_map(|index| phantom.case(index, 1)).collect();
        println!("{family:?}: {:.2?}", shares(&volumes, classes.len()));
    }
}
