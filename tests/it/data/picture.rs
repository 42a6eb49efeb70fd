use crate::golden::npy;
use png::{BitDepth, ColorType};
use runner::science::data::picture_file::{self, Picture, PictureKind};
use runner::science::data::{DataError, Place};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn ppss() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ppss")
}

fn read(bytes: &[u8]) -> Result<Picture, DataError> {
    picture_file::read_bytes(&Place::new("case", "picture"), bytes)
}

/// A PNG of packed rows.
fn png(color: ColorType, depth: BitDepth, [rows, columns]: [u32; 2], packed: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, columns, rows);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![10, 11, 12, 20, 21, 22, 30, 31, 32]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(packed).unwrap();
    drop(writer);
    file
}

#[test]
fn golden_pictures_and_masks_are_read() {
    let root = ppss();
    let cases = std::fs::read_to_string(root.join("expected/cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    let items = cases["items"].as_array().unwrap();
    assert_eq!(items.len(), 6);
    for item in items {
        let path = |key: &str| root.join("pedestrian_parsing_dataset").join(item[key].as_str().unwrap());
        let mask = picture_file::read("1", &path("mask")).unwrap();
        let (shape, codes) = npy::read_u8(&root.join(item["mask_codes_npy"].as_str().unwrap()));
        assert_eq!(([mask.rows, mask.columns], mask.kind), ([shape[0], shape[1]], PictureKind::Palette));
        assert!(mask.data.iter().copied().eq(codes.into_iter().map(u16::from)), "{item}");
        assert_eq!(mask.palette.first(), Some(&[0, 0, 143]));
        let picture = picture_file::read("1", &path("image")).unwrap();
        let expected = &item["decoded_jpeg"];
        let shape = [0, 1, 2].map(|i| expected["shape"][i].as_u64().unwrap() as usize);
        assert_eq!([picture.rows, picture.columns, picture.channels], shape);
        assert_eq!((picture.kind, picture.bits), (PictureKind::Rgb, 8));
        for channel in 0..3 {
            let values = picture.data.iter().skip(channel).step_by(3);
            let mean = values.map(|&x| f64::from(x)).sum::<f64>() / (shape[0] * shape[1]) as f64;
            // Decoders differ in their rounding.
            let expected = expected["mean_per_channel"][channel].as_f64().unwrap();
            assert!((mean - expected).abs() < 1.0, "{item}: {mean}");
        }
    }
}

#[test]
fn samples_of_every_depth_are_read_as_stored() {
    let grey = ColorType::Grayscale;
    // 11 columns, so that rows of less than 8 bits a sample end with padding.
    let cases: [(BitDepth, &[u8], [u16; 11]); 3] = [
        (BitDepth::One, &[0b10110001, 0b01011111], [1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0]),
        (BitDepth::Two, &[0b00011011, 0b11100100, 0b10010011], [0, 1, 2, 3, 3, 2, 1, 0, 2, 1, 0]),
        (BitDepth::Four, &[0x01, 0x23, 0x45, 0x67, 0x89, 0xaf], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ];
    for (depth, row, expected) in cases {
        let picture = read(&png(grey, depth, [2, 11], &row.repeat(2))).unwrap();
        assert_eq!((picture.kind, picture.bits), (PictureKind::Grey, depth as u8));
        assert_eq!(picture.data, expected.repeat(2));
    }
    let eight = read(&png(grey, BitDepth::Eight, [1, 3], &[0, 252, 255])).unwrap();
    assert_eq!((eight.data, eight.bits), (vec![0, 252, 255], 8));
    let sixteen = read(&png(grey, BitDepth::Sixteen, [1, 2], &[1, 2, 255, 254])).unwrap();
    assert_eq!((sixteen.data, sixteen.bits), (vec![0x0102, 0xfffe], 16));
    let index = read(&png(ColorType::Indexed, BitDepth::Two, [1, 3], &[0b00100100])).unwrap();
    assert_eq!((index.kind, index.data), (PictureKind::Palette, vec![0, 2, 1]));
    assert_eq!(index.palette, [[10, 11, 12], [20, 21, 22], [30, 31, 32]]);
}

#[test]
fn channels_are_interleaved() {
    let cases = [
        (ColorType::GrayscaleAlpha, PictureKind::GreyAlpha, 2),
        (ColorType::Rgb, PictureKind::Rgb, 3),
        (ColorType::Rgba, PictureKind::Rgba, 4),
    ];
    for (color, kind, channels) in cases {
        let packed: Vec<u8> = (0..2 * channels as u8).collect();
        let picture = read(&png(color, BitDepth::Eight, [1, 2], &packed)).unwrap();
        assert_eq!((picture.kind, picture.channels, picture.kind.channels()), (kind, channels, channels));
        assert_eq!(picture.data, (0..2 * channels as u16).collect::<Vec<_>>());
        assert_eq!(picture.palette, Vec::<[u8; 3]>::new());
        let wide = read(&png(color, BitDepth::Sixteen, [1, 1], &packed)).unwrap();
        assert_eq!((wide.channels, wide.data[0], wide.bits), (channels, 0x0001, 16));
    }
}

/// Flat blocks, of which each decoder must make the same.
#[test]
fn a_grey_jpeg_is_read() {
    let picture = read(&super::jpeg_writer::blocks(&[100, 150, 7])).unwrap();
    assert_eq!((picture.rows, picture.columns, picture.channels), (8, 24, 1));
    assert_eq!((picture.kind, picture.bits), (PictureKind::Grey, 8));
    assert_eq!(picture.data, [[100; 8], [150; 8], [7; 8]].concat().repeat(8));
}

#[test]
fn wrong_files_give_errors_that_name_case_file_and_reason() {
    let good = png(ColorType::Grayscale, BitDepth::Eight, [4, 4], &[7; 16]);
    let jpeg = super::jpeg_writer::blocks(&[100, 150]);
    let sized = |width: u32, height: u32| {
        let mut png = good.clone();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&sum);
        png
    };
    let damaged = |at: usize| {
        let mut png = good.clone();
        png[at] ^= 1;
        png
    };
    let mut huge = jpeg.clone();
    huge[7..11].copy_from_slice(&[0xff; 4]);
    let mut none = jpeg.clone();
    none[7..9].copy_from_slice(&[0; 2]);
    let expected: [(Vec<u8>, &str); 13] = [
        (Vec::new(), "the file is empty"),
        (b"GIF89a".to_vec(), "the mark of neither PNG nor JPEG"),
        (b"\x89PNG\r\n".to_vec(), "ends too early"),
        (good[..good.len() - 1].to_vec(), "ends too early"),
        (damaged(20), "CRC"),
        (damaged(42), "Corrupt deflate"),
        (damaged(good.len() - 14), "CRC"),
        (sized(0, 4), ""),
        (sized(4, 0), ""),
        (sized(60000, 60000), "asks for 3600000000 bytes"),
        (sized(u32::MAX, u32::MAX), ""),
        (huge, "asks for 4294836225 bytes"),
        (none, ""),
    ];
    for (bytes, reason) in expected {
        let message = read(&bytes).unwrap_err().to_string();
        assert!(message.starts_with("case case, picture: ") && message.contains(reason), "{reason}: {message}");
    }
    let absent = picture_file::read("1", Path::new("/absent/mask.png")).unwrap_err().to_string();
    assert_eq!(absent, "case 1, /absent/mask.png: the file is missing");
    let folder = picture_file::read("1", &ppss()).unwrap_err().to_string();
    assert!(folder.ends_with("tests/fixtures/ppss: cannot be read: it is not a regular file"), "{folder}");
}

/// The checksum of a chunk of PNG.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn cut_files_are_never_read() {
    let folder = ppss().join("pedestrian_parsing_dataset/data/171");
    let files = ["0412_9.jpg", "0412_9_m.png"].map(|file| std::fs::read(folder.join(file)).unwrap());
    for file in files.into_iter().chain([super::jpeg_writer::blocks(&[100, 150])]) {
        assert!(read(&file).is_ok());
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "cut from {} to {length} bytes", file.len());
        }
    }
}

/// 300 real photographs and masks, where they lie beside the project.
#[test]
fn real_pictures_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ccp_ppss_like");
    if !root.is_dir() {
        eprintln!("SKIPPED real_pictures_are_read: {} is not there", root.display());
        return;
    }
    let files = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.unwrap().into_path());
    let is_picture = |path: &PathBuf| path.extension().is_some_and(|end| end == "jpg" || end == "png");
    // Every tenth, for time.
    let pictures: Vec<Picture> =
        files.filter(is_picture).step_by(10).map(|path| picture_file::read("1", &path).unwrap()).collect();
    assert!(pictures.len() >= 60, "{}", pictures.len());
    assert!(pictures.iter().all(|p| p.data.len() == p.rows * p.columns * p.channels));
}
