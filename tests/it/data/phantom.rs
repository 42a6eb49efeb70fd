use runner::science::data::{Family, Phantom, Volume};

fn small() -> Phantom {
    Phantom { cases: 12, size: 48, spacing_mm: 3.6, ..Phantom::default() }
}

fn has(volume: &Volume, slice: usize, class: u8) -> bool {
    volume.mask.slice(slice).contains(&class)
}

#[test]
fn a_case_has_both_phases_and_depends_on_its_seed_and_index() {
    let phantom = small();
    let case = phantom.case(2, 5);
    assert_eq!(case.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["ed", "es"]);
    assert!(case.iter().all(|volume| volume.case == "phantom003" && volume.spacing == [3.6, 3.6]));
    assert_eq!(phantom.names()[2], "phantom003");
    assert_eq!(case, phantom.case(2, 5));
    assert_ne!(case, phantom.case(2, 6));
    assert_ne!(case[0].image, phantom.case(3, 5)[0].image);
    // More cases don't change the ones that were there.
    assert_eq!(case, Phantom { cases: 99, ..small() }.case(2, 5));
}

#[test]
fn organs_vanish_towards_the_apex_and_sometimes_at_the_base() {
    let phantom = small();
    let volumes: Vec<Volume> = (0..phantom.cases).flat_map(|index| phantom.case(index, 1)).collect();
    let share = |wanted: &dyn Fn(&Volume) -> bool| volumes.iter().filter(|v| wanted(v)).count() as f64 / 24.0;
    let middle = phantom.slices / 2 - 1;
    let last = phantom.slices - 1;
    assert_eq!(share(&|v| (1..=3).all(|class| has(v, middle, class))), 1.0);
    assert!(share(&|v| !has(v, last, 1)) > 0.9);
    assert!(share(&|v| v.mask.slice(last).iter().all(|&x| x == 0)) > 0.2);
    let empty_base = share(&|v| v.mask.slice(0).iter().all(|&x| x == 0));
    assert!((0.1..0.9).contains(&empty_base), "{empty_base}");
    // The RV is gone before the LV.
    assert!(volumes.iter().all(|v| (0..=last).all(|s| !has(v, s, 1) || has(v, s, 2))));
}

#[test]
fn the_heart_contracts() {
    let phantom = small();
    for index in 0..phantom.cases {
        let [ed, es] = [0, 1].map(|i| phantom.case(index, 1).swap_remove(i));
        let pixels = |volume: &Volume, class| volume.mask.data.iter().filter(|&&x| x == class).count();
        assert!(pixels(&es, 3) < pixels(&ed, 3), "case {index}");
        assert!(pixels(&es, 1) < pixels(&ed, 1), "case {index}");
    }
}

/// The best threshold on intensity leaves much to the shape.
#[test]
fn intensity_alone_does_not_find_the_blood() {
    let phantom = small();
    let volume = &phantom.case(0, 1)[0];
    let middle = phantom.slices / 2 - 1;
    let (image, mask) = (volume.image.slice(middle), volume.mask.slice(middle));
    let dice = |threshold: f32| {
        let hit = |(&x, &y): (&f32, &u8)| f64::from(u8::from(x >= threshold && y == 3));
        let both: f64 = image.iter().zip(mask).map(hit).sum();
        let predicted = image.iter().filter(|&&x| x >= threshold).count() as f64;
        2.0 * both / (predicted + mask.iter().filter(|&&x| x == 3).count() as f64)
    };
    let greatest = image.iter().copied().fold(0.0, f32::max);
    let best = (0..40).map(|i| dice(greatest * i as f32 / 40.0)).fold(0.0, f64::max);
    assert!(best < 0.7, "{best}");
}

#[test]
fn every_family_has_classes_and_draws_only_them() {
    for family in Family::ALL {
        let phantom = Phantom { family, cases: 1, size: 32, spacing_mm: 5.0, slices: 3, ..Phantom::default() };
        assert_eq!(family.classes()[0], "background");
        for volume in phantom.case(0, 0) {
            assert!(volume.mask.data.iter().all(|&label| usize::from(label) < family.classes().len()));
            let expected = if family == Family::Pedestrians { 3 * 32 * 16 } else { 3 * 32 * 32 };
            assert_eq!(volume.image.data.len(), expected);
            assert!(volume.image.data.iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn odd_sizes_are_drawn_and_senseless_ones_refused() {
    let phantom = |slices, size| Phantom { slices, size, ..Phantom::default() };
    assert_eq!(phantom(1, 1).case(0, 0)[0].image.data.len(), 1);
    assert_eq!(phantom(1, 33).case(0, 0)[1].mask.data.len(), 33 * 33);
    for family in Family::ALL {
        let tiny = Phantom { family, slices: 2, size: 1, ..Phantom::default() };
        assert_eq!(tiny.case(0, 0)[0].image.width, 1, "{family:?}");
    }
    let error = phantom(0, 96).check().unwrap_err();
    assert_eq!(error.to_string(), "parameter `slices`: must be from 1 to 1000");
    assert!(Phantom { noise: f64::NAN, ..Phantom::default() }.check().is_err());
    assert!(Phantom::default().check().is_ok());
    assert!(serde_json::from_str::<Phantom>(r#"{"slice": 3}"#).is_err());
}
