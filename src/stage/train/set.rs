//! The slices that a training sees, and of which cases.

use super::TrainParameters;
use crate::contract::{ParameterError, StageContext, StageError};
use crate::science::data::{Labels, UNLABELLED, Volume};
use crate::science::method::{Annotators, Method, Supervision};
use crate::science::scribble::enlarged;
use crate::science::training::{Roles, Subjects, TrainingSet, Validation};
use crate::stage::slices::{self, Prepared};
use serde_json::Value;

/// Shares that no split can serve.
pub fn check(canonical: &Value) -> Result<(), ParameterError> {
    let method = &canonical["method"];
    let wrong = |key: &str, message: String| Err(ParameterError::new(key, message));
    let of = |value: &Value, default: f64| value.as_f64().unwrap_or(default);
    let (labels, masks) = (of(&canonical["label_fraction"], 0.0), of(&canonical["mask_fraction"], 0.0));
    let unpaired = of(&method["unpaired_masks"], 50.0);
    if !(labels > 0.0 && labels <= 50.0) {
        let message = format!("{labels} is not above 0 and up to 50: the other half trains the discriminator");
        return wrong("label_fraction", message);
    }
    if !(masks >= 0.0 && masks + labels <= 50.0) {
        return wrong("mask_fraction", format!("{masks} and label_fraction {labels} are above 50 together"));
    }
    if !(unpaired > 0.0 && unpaired <= 50.0) {
        return wrong("method.unpaired_masks", format!("{unpaired} is not above 0 and up to 50"));
    }
    if method["annotated_cases"].as_u64() == Some(0) {
        return wrong("method.annotated_cases", "0 cases teach nothing; give 1 or more".to_owned());
    }
    Ok(())
}

/// Puts each case where the split and the method say: nothing of test cases is opened here.
pub fn training_set(context: &StageContext, parameters: &TrainParameters) -> Result<TrainingSet, StageError> {
    let split = slices::read_split(context.input("split")?)?;
    let prepared = Prepared::open(context.input("slices")?)?;
    let (roles, method) = (Roles::new(&split, &parameters.method, parameters.annotation()), &parameters.method);
    let mut set = TrainingSet {
        channels: prepared.channels,
        height: prepared.height,
        width: prepared.width,
        classes: prepared.classes.len(),
        images: prepared.slices_of(&split.segmentor),
        annotated: Vec::new(),
        unlabelled: Vec::new(),
        masks: Vec::new(),
        validation: Vec::new(),
        subjects: Subjects::default(),
    };
    let mut cases = Vec::new();
    let mixed = !roles.masked.is_empty();
    let mut annotations = 0;
    for volume in prepared.volumes(&roles.scribbled)? {
        let mut labels = annotations_of(context, method, &volume)?;
        if annotations != 0 && labels.len() != annotations {
            let message = format!("case `{}` has {} scribbles, others {annotations}", volume.case, labels.len());
            return Err(StageError::Failed(message));
        }
        annotations = labels.len();
        labels.extend(mixed.then(|| unlabelled(&volume)));
        set.subjects.annotated.extend(subjects(&mut cases, &volume));
        set.annotated.extend(TrainingSet::annotated_slices(&volume, &labels));
    }
    for volume in prepared.volumes(&roles.masked)? {
        let mut labels = vec![unlabelled(&volume); annotations];
        labels.push(volume.mask.clone());
        set.subjects.annotated.extend(subjects(&mut cases, &volume));
        set.annotated.extend(TrainingSet::annotated_slices(&volume, &labels));
    }
    for volume in prepared.volumes(&roles.unlabelled)? {
        set.subjects.unlabelled.extend(subjects(&mut cases, &volume));
        set.unlabelled.extend((0..volume.image.slices).map(|i| volume.image.slice(i).to_vec()));
    }
    for volume in prepared.volumes(&roles.masks)? {
        set.subjects.masks.extend(subjects(&mut cases, &volume));
        set.masks.extend((0..volume.mask.slices).map(|i| volume.mask.slice(i).to_vec()));
    }
    let validation = prepared.volumes(&split.validation)?;
    set.validation = validation.into_iter().map(|volume| Validation { case: volume.case.clone(), volume }).collect();
    Ok(set)
}

/// What the method learns from on an annotated case.
fn annotations_of(context: &StageContext, method: &Method, volume: &Volume) -> Result<Vec<Labels>, StageError> {
    if method.supervision == Supervision::Masks {
        return Ok(vec![volume.mask.clone()]);
    }
    let mut scribbles = slices::read_scribbles(context.input("scribbles")?, volume)?;
    if method.annotators == Annotators::First {
        scribbles.truncate(1);
    }
    let enlarge = |scribble: Labels| match method.enlarge_px {
        0 => scribble,
        radius => enlarged(&scribble, &volume.mask, radius),
    };
    Ok(scribbles.into_iter().map(enlarge).collect())
}

fn unlabelled(volume: &Volume) -> Labels {
    Labels { data: vec![UNLABELLED; volume.mask.data.len()], ..volume.mask }
}

/// The number of the volume's case, once for each slice. `cases` are those that have one.
fn subjects(cases: &mut Vec<String>, volume: &Volume) -> impl Iterator<Item = usize> + use<> {
    let known = cases.iter().position(|case| *case == volume.case);
    let number = known.unwrap_or(cases.len());
    if known.is_none() {
        cases.push(volume.case.clone());
    }
    std::iter::repeat_n(number, volume.image.slices)
}
