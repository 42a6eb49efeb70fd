mod acdc;
mod augment;
mod nifti;
mod phantom;
mod preprocess;
mod split;
