mod acdc;
mod augment;
mod family;
mod nifti;
mod phantom;
mod preprocess;
mod split;
