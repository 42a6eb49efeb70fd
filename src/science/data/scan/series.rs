//! DICOM files that are slices of one volume.

use super::*;
use crate::science::data::dicom_file::Dicom;
use crate::science::data::source;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The DICOM files of a folder in the order of their names; others are left alone.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for (name, path) in source::entries(folder)? {
        let is_dicom = || file::kind(&place(&path), &path).is_ok_and(|kind| kind == Kind::Dicom);
        if name != "DICOMDIR" && path.is_file() && is_dicom() {
            files.push(path);
        }
    }
    if files.is_empty() {
        let reason = "a folder is read as a DICOM series, and there is no DICOM file in it".to_owned();
        return Err(DataError::Unfit { place: place(folder), reason });
    }
    Ok(files)
}

struct Slice {
    path: PathBuf,
    dicom: Dicom,
    original: Original,
}

/// The volume of some files, each a slice of it.
pub(super) fn read(name: &str, files: &[PathBuf], options: Options) -> Result<Scan, DataError> {
    let slice = |path: &PathBuf| {
        let place = Place::new(name, path.display());
        let bytes = content::read(&place, path)?;
        let dicom = dicom_file::read_bytes(&place, &bytes)?;
        Ok(Slice { path: path.clone(), dicom, original: Original::of(&place, &bytes)? })
    };
    let slices = files.iter().map(slice).collect::<Result<Vec<_>, DataError>>()?;
    check_series(name, &slices)?;
    let (slices, distance) = in_order(slices);
    let measured = slices.iter().all(|slice| slice.dicom.spacing.is_some());
    let planes: Vec<Plane> = slices.iter().map(|slice| plane_of(&slice.dicom, options)).collect();
    let stacked = plane::stack(&Name { case: name, volume: "image", group: None }, &planes)?;
    let Some(volume) = stacked else {
        let reason = "there is no slice".to_owned();
        return Err(DataError::Unfit { place: Place::new(name, "the series"), reason });
    };
    let depth = match slices.as_slice() {
        [only] => only.original.depth,
        _ => distance,
    };
    let origin = slices.into_iter().map(|slice| (slice.path, slice.original)).collect();
    let measured = measured || options.spacing_mm.is_some();
    Ok(Scan { volume, measured, depth, origin: Origin::Dicom(origin) })
}

fn plane_of(dicom: &Dicom, options: Options) -> Plane {
    let Dicom { rows: height, columns: width, channels, ref data, .. } = *dicom;
    let spacing = dicom.spacing.unwrap_or([options.spacing_mm.unwrap_or(1.0); 2]);
    let image = plane::channels_first(data, channels);
    Plane { height, width, channels, spacing, image, mask: None, scribble: None }
}

/// Intensities are normalised over a volume, so that slices of several must not be mixed.
fn check_series(name: &str, slices: &[Slice]) -> Result<(), DataError> {
    let mut series: BTreeMap<&Option<String>, (usize, &Slice)> = BTreeMap::new();
    slices.iter().for_each(|slice| series.entry(&slice.dicom.series).or_insert((0, slice)).0 += 1);
    if series.len() < 2 {
        return Ok(());
    }
    let one = |(count, slice): &(usize, &Slice)| {
        let name = slice.dicom.description.as_deref().unwrap_or("no description").escape_debug();
        format!("{name}: {count} files")
    };
    let listed: Vec<String> = series.values().map(one).collect();
    let reason = format!(
        "its DICOM files are of {} series ({}); put those of each into a folder of its own",
        series.len(),
        listed.join("; ")
    );
    Err(DataError::Unfit { place: Place::new(name, "the series"), reason })
}

/// By place along the normal of the slices, else by slice location, else as they came; and the distance of neighbours in mm,
/// where the first two say it.
fn in_order(mut slices: Vec<Slice>) -> (Vec<Slice>, Option<f64>) {
    let keys: [fn(&Dicom) -> Option<f64>; 2] = [along_normal, |dicom| dicom.slice_location];
    let Some(key) = keys.into_iter().find(|key| slices.iter().all(|slice| key(&slice.dicom).is_some())) else {
        return (slices, None);
    };
    slices.sort_by(|a, b| key(&a.dicom).partial_cmp(&key(&b.dicom)).unwrap_or(Ordering::Equal));
    let places: Vec<f64> = slices.iter().filter_map(|slice| key(&slice.dicom)).collect();
    let mut distances: Vec<f64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_by(f64::total_cmp);
    // Several slices at one place, as of a beating heart, are no volume to be measured.
    let least = distances.first().is_some_and(|&least| least > 1e-3);
    let middle = distances.get(distances.len() / 2).copied();
    (slices, middle.filter(|_| least))
}

fn along_normal(dicom: &Dicom) -> Option<f64> {
    let ([x, y, z], [a, b, c, d, e, f]) = (dicom.position?, dicom.orientation?);
    Some(x * (b * f - c * e) + y * (c * d - a * f) + z * (a * e - b * d))
}
