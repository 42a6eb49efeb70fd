//! Data sets, their preprocessing and their splits.

pub mod acdc;
mod augment;
mod error;
mod intensity;
pub mod nifti_file;
pub mod phantom;
pub mod preprocess;
pub mod split;
mod types;

pub use augment::{
    Augmentation, Drawn, Frame, Pose, Seeds, augment_image, augment_labels, move_image, move_labels, roto_translate,
};
pub use error::{DataError, Place};
pub use intensity::Intensity;
pub use phantom::{Family, Phantom};
pub use preprocess::{Preprocessing, preprocess};
pub use split::{Split, SplitError, SplitParameters};
pub use types::{Image, Labels, UNLABELLED, Volume};
