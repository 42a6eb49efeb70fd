//! Data sets, their preprocessing and their splits.

pub mod acdc;
mod augment;
pub mod chaos;
mod codes;
mod content;
pub mod dicom_file;
mod error;
pub mod folder;
mod intensity;
pub mod lvsc;
pub mod nifti_file;
pub mod phantom;
pub mod picture_file;
mod plane;
pub mod ppss;
mod preparation;
pub mod preprocess;
pub mod scan;
mod scribble_files;
mod source;
pub mod split;
mod survey;
mod types;

pub use augment::{
    Augmentation, Drawn, Frame, Pose, Seeds, augment_image, augment_labels, move_image, move_labels, roto_translate,
};
pub use error::{DataError, Place};
pub use intensity::Intensity;
pub use phantom::{Family, Phantom};
pub use preparation::{Preparation, PreparedClass};
pub use preprocess::{Preprocessing, preprocess};
pub use source::{Cases, Found, LAYOUTS, Layout, Phantoms};
pub use split::{Split, SplitError, SplitParameters};
pub use survey::{ClassCount, Survey};
pub use types::{Image, Labels, UNLABELLED, Volume};
