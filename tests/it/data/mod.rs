mod acdc;
mod augment;
mod bad_cases;
mod chaos;
mod dicom;
mod dicom_writer;
mod family;
mod folder;
mod inspect;
mod inverse;
mod jpeg_writer;
mod lvsc;
mod masks;
mod mutation;
mod nifti;
pub mod nifti_writer;
mod phantom;
mod picture;
mod ppss;
mod preprocess;
mod split;
mod split_stage;

use std::fs::File;
use std::path::Path;

/// The data sets whose layout a folder has.
fn layouts_of(root: &Path) -> Vec<&'static str> {
    let fitting = runner::science::data::LAYOUTS.iter().filter(|layout| (layout.open)(root).is_ok());
    fitting.map(|layout| layout.name).collect()
}

/// A grey PNG of 8 bits; `value` is of pixel `row * width + column`.
pub fn write_png(path: &Path, width: u32, height: u32, value: impl Fn(usize) -> u8) {
    let data: Vec<u8> = (0..(width * height) as usize).map(value).collect();
    write(path, [width, height], png::ColorType::Grayscale, &data);
}

pub fn write_rgb(path: &Path, width: u32, height: u32, value: impl Fn(usize) -> [u8; 3]) {
    let data: Vec<u8> = (0..(width * height) as usize).flat_map(value).collect();
    write(path, [width, height], png::ColorType::Rgb, &data);
}

fn write(path: &Path, [width, height]: [u32; 2], color: png::ColorType, data: &[u8]) {
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
}
