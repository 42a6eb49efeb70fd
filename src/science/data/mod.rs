//! Data sets, their preprocessing and their splits.

pub mod acdc;
mod augment;
mod content;
pub mod dicom_file;
mod error;
pub mod nifti_file;
pub mod phantom;
pub mod picture_file;
pub mod preprocess;
mod split;
mod types;

pub use augment::{Augmentation, Frame, Pose, move_image, move_labels, roto_translate};
pub use error::{DataError, Place};
pub use phantom::{Family, Phantom};
pub use preprocess::{Preprocessing, preprocess};
pub use split::{Split, SplitError, SplitParameters, split};
pub use types::{Image, Labels, UNLABELLED, Volume};
