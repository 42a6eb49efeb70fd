use crate::science::data::DataError;
use crate::science::data::scan::{self, Format};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where a mask goes, and what it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub format: Format,
    pub path: PathBuf,
}

/// A mask has no place to go.
#[derive(Debug, Error)]
pub enum TargetError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{image}: a path that has no name; say it in full")]
    NoName { image: PathBuf },
    #[error("{image}: {path} is there already; --force replaces it")]
    Exists { image: PathBuf, path: PathBuf },
    #[error(
        "{image}: its mask would be {path}, as that of {other}; segment them one by one into other folders (--out)"
    )]
    Twice { image: PathBuf, path: PathBuf, other: PathBuf },
    #[error("{image}: its mask would be {path}, which is an image to be segmented")]
    Image { image: PathBuf, path: PathBuf },
}

/// A target for each image, in their order: none twice, none an image itself, none that is there unless `force`.
pub fn targets(images: &[PathBuf], out: Option<&Path>, force: bool) -> Vec<Result<Target, TargetError>> {
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut one = |image: &PathBuf| {
        let format = scan::format(image)?;
        let path = path(image, format, out).ok_or_else(|| TargetError::NoName { image: image.clone() })?;
        let image = image.clone();
        if let Some(other) = taken.get(&whole(&path)).cloned() {
            return Err(TargetError::Twice { image, path, other });
        }
        taken.insert(whole(&path), image.clone());
        if images.iter().any(|image| whole(image) == whole(&path)) {
            return Err(TargetError::Image { image, path });
        }
        if !force && path.symlink_metadata().is_ok() {
            return Err(TargetError::Exists { image, path });
        }
        Ok(Target { format, path })
    };
    images.iter().map(&mut one).collect()
}

/// `./a` and `a` are one.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// `a/b.nii.gz` → `a/b_mask.nii.gz`; photos become PNG.
fn path(image: &Path, format: Format, out: Option<&Path>) -> Option<PathBuf> {
    // `.` and `..` have a name only when they are resolved.
    let resolved = if image.file_name().is_none() { image.canonicalize().ok()? } else { image.to_owned() };
    let name = resolved.file_name()?.to_string_lossy().into_owned();
    let (stem, extension) = split(&name);
    let extension = match format {
        Format::Nifti { .. } if !extension.is_empty() => extension.to_owned(),
        Format::Nifti { zipped: true } => ".nii.gz".to_owned(),
        Format::Nifti { zipped: false } => ".nii".to_owned(),
        Format::Dicom => ".dcm".to_owned(),
        Format::Picture => ".png".to_owned(),
        Format::Series => return Some(folder(&resolved, out).join(format!("{name}_mask"))),
    };
    Some(folder(&resolved, out).join(format!("{stem}_mask{extension}")))
}

fn folder(image: &Path, out: Option<&Path>) -> PathBuf {
    out.map_or_else(|| image.parent().unwrap_or(Path::new("")).to_owned(), Path::to_owned)
}

/// A name without its extension, and the extension if it is NIfTI's.
fn split(name: &str) -> (&str, &str) {
    for extension in [".nii.gz", ".nii", ".dcm", ".ima", ".png", ".jpg", ".jpeg"] {
        let start = name.len().saturating_sub(extension.len());
        if let Some((stem, end)) = name.split_at_checked(start).filter(|(stem, _)| !stem.is_empty())
            && end.eq_ignore_ascii_case(extension)
        {
            return (stem, if extension.starts_with(".nii") { end } else { "" });
        }
    }
    (name, "")
}

impl Target {
    /// By its name, as other programs read it.
    pub fn is_zipped(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_masks() {
        let of = |image: &str, format| path(Path::new(image), format, None).map(|path| path.display().to_string());
        let nifti = |zipped| Format::Nifti { zipped };
        assert_eq!(of("a/b.nii.gz", nifti(true)).as_deref(), Some("a/b_mask.nii.gz"));
        assert_eq!(of("b.NII", nifti(false)).as_deref(), Some("b_mask.NII"));
        assert_eq!(of("a/brain", nifti(true)).as_deref(), Some("a/brain_mask.nii.gz"));
        assert_eq!(of("IM.0001", Format::Dicom).as_deref(), Some("IM.0001_mask.dcm"));
        assert_eq!(of("x/slice.dcm", Format::Dicom).as_deref(), Some("x/slice_mask.dcm"));
        assert_eq!(of("x/InPhase", Format::Series).as_deref(), Some("x/InPhase_mask"));
        assert_eq!(of("x/3_4.jpg", Format::Picture).as_deref(), Some("x/3_4_mask.png"));
        let out = path(Path::new("x/3_4.jpg"), Format::Picture, Some(Path::new("out")));
        assert_eq!(out, Some(PathBuf::from("out/3_4_mask.png")));
    }
}
