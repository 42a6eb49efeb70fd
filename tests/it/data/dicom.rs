use super::dicom_writer::{self, VALUES, Writer, deflate, little, run_lengths};
use super::dicom_writer::{
    DEFLATED, DEFLATED_FRAME, ENCAPSULATED, EXPLICIT, IMPLICIT, JPEG_BASELINE, JPEG_LOSSLESS, RLE,
};
use super::jpeg_writer;
use crate::golden::npy;
use runner::science::data::dicom_file::{self, Dicom};
use runner::science::data::{DataError, Place, picture_file};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(bytes: &[u8]) -> Result<Dicom, DataError> {
    dicom_file::read_bytes(&Place::new("case", "slice.dcm"), bytes)
}

fn values(writer: &Writer) -> Vec<f32> {
    read(&writer.file()).unwrap().data
}

fn message(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// Every slice of the synthetic CHAOS subjects, with its mask.
#[test]
fn golden_slices_give_their_values_place_and_labels() {
    let root = fixtures().join("chaos");
    let cases = std::fs::read_to_string(root.join("expected/cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    let mut slices = 0;
    for subject in cases["subjects"].as_array().unwrap() {
        let folder = root.join(format!("MR/{}", subject["subject"]));
        for sequence in subject["sequences"].as_object().unwrap().values() {
            let [rows, columns] = ["rows", "columns"].map(|side| sequence[side].as_u64().unwrap() as usize);
            let path = |key: &str| root.join(sequence[key].as_str().unwrap());
            let (shape, images) = npy::read_u16(&path("image_npy"));
            let (_, labels) = npy::read_u8(&path("labels_npy"));
            assert_eq!(shape[1..], [rows, columns]);
            for (i, slice) in sequence["slices_by_increasing_z"].as_array().unwrap().iter().enumerate() {
                let dicom = dicom_file::read("1", &folder.join(slice["dicom"].as_str().unwrap())).unwrap();
                assert_eq!([dicom.rows, dicom.columns, dicom.channels], [rows, columns, 1]);
                let spacing = &sequence["pixel_spacing_row_col"];
                assert_eq!(dicom.spacing, Some([0, 1].map(|i| spacing[i].as_f64().unwrap())));
                assert_eq!(dicom.position.map(|[_, _, z]| z), slice["z"].as_f64());
                assert_eq!(dicom.slice_location, slice["z"].as_f64());
                let part = i * rows * columns..(i + 1) * rows * columns;
                let expected: Vec<f32> = images[part.clone()].iter().map(|&x| x.into()).collect();
                assert!(dicom.data == expected, "{slice}");
                let mask = picture_file::read("1", &folder.join(slice["mask"].as_str().unwrap())).unwrap();
                assert_eq!([mask.rows, mask.columns, mask.channels], [rows, columns, 1]);
                assert!(mask.data.iter().zip(&labels[part]).all(|(&code, &label)| code == 63 * u16::from(label)));
                slices += 1;
            }
        }
    }
    assert_eq!(slices, 16);
}

#[test]
fn attributes_are_told() {
    let dicom = read(&Writer::default().file()).unwrap();
    let expected = Dicom {
        rows: 2,
        columns: 3,
        channels: 1,
        spacing: Some([1.25, 0.75]),
        slice_location: Some(-40.5),
        position: Some([-1.5, 2.0, -40.0]),
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        instance: Some(12),
        series: Some("1.2.3".to_owned()),
        description: Some("T1 in phase".to_owned()),
        data: VALUES.map(f32::from).to_vec(),
    };
    assert_eq!(dicom, expected);
    let tags = [(0x08, 0x103e), (0x20, 0x0e), (0x20, 0x13), (0x20, 0x32), (0x20, 0x37), (0x20, 0x1041), (0x28, 0x30)];
    let bare = tags.into_iter().fold(Writer::default(), Writer::without);
    let dicom = read(&bare.file()).unwrap();
    assert_eq!(dicom, Dicom { rows: 2, columns: 3, channels: 1, data: expected.data, ..Dicom::default() });
    // Without an identifier, the description tells series apart.
    let named = read(&bare.text((0x08, 0x103e), "LO", "T2").file()).unwrap();
    assert_eq!(named.series.as_deref(), Some("T2"));
}

#[test]
fn every_transfer_syntax_gives_the_same_pixels() {
    let plain = little(&VALUES);
    let planes = [1, 0].map(|byte| VALUES.iter().map(|value| value.to_le_bytes()[byte]).collect());
    let packed = [
        (IMPLICIT, plain.clone()),
        (EXPLICIT, plain.clone()),
        (DEFLATED, plain.clone()),
        (ENCAPSULATED, plain.clone()),
        (DEFLATED_FRAME, deflate(&plain)),
        (RLE, run_lengths(&planes)),
        (JPEG_LOSSLESS, jpeg_writer::lossless(&VALUES, [2, 3], 16)),
    ];
    for (syntax, pixels) in packed {
        let writer = Writer::default().syntax(syntax).pixels(pixels);
        assert_eq!(read(&writer.file()).unwrap(), read(&Writer::default().file()).unwrap(), "{syntax}");
    }
    let bytes = VALUES.map(|value| value as u8 as u16);
    let lossless = jpeg_writer::lossless(&bytes, [2, 3], 8);
    let writer = Writer::default().bytes().syntax(JPEG_LOSSLESS).pixels(lossless);
    assert_eq!(values(&writer), bytes.map(f32::from));
    let baseline = Writer::default().bytes().size(8, 16).syntax(JPEG_BASELINE).pixels(jpeg_writer::blocks(&[100, 150]));
    assert_eq!(values(&baseline), [[100.0; 8], [150.0; 8]].concat().repeat(8));
}

/// PS3.5 G.3.1: -128 does nothing, -n repeats a byte n + 1 times, n copies n + 1 bytes.
#[test]
fn runs_are_repeated() {
    let mut pixels = vec![1, 0, 0, 0, 64, 0, 0, 0];
    pixels.resize(64, 0);
    pixels.extend([0x80, 0xfd, 9, 1, 3, 4, 0]);
    let writer = Writer::default().bytes().syntax(RLE).pixels(pixels);
    assert_eq!(values(&writer), [9.0, 9.0, 9.0, 9.0, 3.0, 4.0]);
}

#[test]
fn samples_are_signed_cut_to_their_bits_and_rescaled() {
    // 12 bits stored, an overlay in the highest four.
    let twelve = Writer::default().number((0x28, 0x101), 12).number((0x28, 0x102), 11);
    let writer = twelve.pixels(little(&[0xf001, 0x0fff, 0x17ff, 0x0800, 0, 0xf000]));
    assert_eq!(values(&writer), [1.0, 4095.0, 2047.0, 2048.0, 0.0, 0.0]);
    let signed = writer.number((0x28, 0x103), 1);
    assert_eq!(values(&signed), [1.0, -1.0, 2047.0, -2048.0, 0.0, 0.0]);
    let scaled = signed.text((0x28, 0x1052), "DS", "-1000").text((0x28, 0x1053), "DS", "0.5");
    assert_eq!(values(&scaled), [-999.5, -1000.5, 23.5, -2024.0, -1000.0, -1000.0]);
    // Stored in the upper bits.
    let upper = Writer::default().number((0x28, 0x101), 12).number((0x28, 0x102), 15);
    assert_eq!(values(&upper.pixels(little(&[0x10, 0x2f, 0xfff0, 0, 0, 0])))[..3], [1.0, 2.0, 4095.0]);
    // An odd number of bytes is padded to an even one.
    let odd = Writer::default().bytes().size(1, 3).pixels(vec![1, 2, 255]);
    assert_eq!(values(&odd), [1.0, 2.0, 255.0]);
    // Shown white for black, but stored the same.
    let inverse = Writer::default().text((0x28, 0x04), "CS", "MONOCHROME1");
    assert_eq!(values(&inverse), VALUES.map(f32::from));
}

#[test]
fn colours_are_interleaved() {
    let rgb = Writer::default().bytes().number((0x28, 0x02), 3).text((0x28, 0x04), "CS", "RGB").size(1, 2);
    let interleaved = rgb.clone().pixels(vec![1, 2, 3, 4, 5, 6]);
    let planar = rgb.clone().number((0x28, 0x06), 1).pixels(vec![1, 4, 2, 5, 3, 6]);
    let planes = [vec![1, 4], vec![2, 5], vec![3, 6]];
    let runs = rgb.number((0x28, 0x06), 1).syntax(RLE).pixels(run_lengths(&planes));
    for writer in [interleaved, planar, runs] {
        let dicom = read(&writer.file()).unwrap();
        assert_eq!((dicom.channels, dicom.data), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    }
}

/// Two decoders of one JPEG agree but for rounding.
#[test]
fn a_colour_jpeg_is_the_picture_that_it_is_outside() {
    let path = fixtures().join("ppss/pedestrian_parsing_dataset/data/171/0412_9.jpg");
    let picture = picture_file::read("171", &path).unwrap();
    let size = |side: usize| side as u16;
    let colour = Writer::default().bytes().number((0x28, 0x02), 3).text((0x28, 0x04), "CS", "YBR_FULL_422");
    let colour = colour.size(size(picture.rows), size(picture.columns)).syntax(JPEG_BASELINE);
    let dicom = read(&colour.pixels(std::fs::read(path).unwrap()).file()).unwrap();
    let difference = |(&a, &b): (&f32, &u16)| (a - f32::from(b)).abs();
    assert_eq!(dicom.data.len(), picture.data.len());
    let total: f32 = dicom.data.iter().zip(&picture.data).map(difference).sum();
    assert!(total / (dicom.data.len() as f32) < 1.0, "{total}");
}

#[test]
fn files_without_preamble_or_header_are_read() {
    let expected = values(&Writer::default());
    let file = Writer::default().file();
    assert_eq!(read(&file[128..]).unwrap().data, expected);
    assert_eq!(read(&file[132..]).unwrap().data, expected);
    assert_eq!(read(&Writer::default().data_set()).unwrap().data, expected);
    assert_eq!(read(&Writer::default().syntax(IMPLICIT).data_set()).unwrap().data, expected);
}

/// Sequences of known and unknown length, in one another and with an icon's pixels, are passed over.
#[test]
fn sequences_are_passed_over() {
    let mut item = Vec::new();
    dicom_writer::element(&mut item, (0x28, 0x10), "US", &[99, 0], true);
    let item = [b"\xfe\xff\0\xe0\xff\xff\xff\xff", &item[..], b"\xfe\xff\x0d\xe0\0\0\0\0"].concat();
    let end = b"\xfe\xff\xdd\xe0\0\0\0\0";
    let nested = [&b"\x50\x00\x10\0SQ\0\0\xff\xff\xff\xff"[..], &item, &item, end].concat();
    let outer = [&b"\x50\x00\x20\0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"[..], &nested].concat();
    let outer = [&outer[..], b"\xfe\xff\x0d\xe0\0\0\0\0", end].concat();
    // Of unknown representation, whose items are in implicit VR.
    let implicit = b"\xfe\xff\0\xe0\x0a\0\0\0\x28\0\x10\0\x02\0\0\0\x63\0";
    let unknown = [&b"\x51\x00\x10\0UN\0\0\xff\xff\xff\xff"[..], implicit, end].concat();
    let icon =
        b"\x52\x00\x10\0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff";
    let icon = [&icon[..], b"\xfe\xff\0\xe0\x02\0\0\0AB", end, b"\xfe\xff\x0d\xe0\0\0\0\0", end].concat();
    let writer = Writer { raw: [nested, outer, unknown, icon].concat(), ..Writer::default() };
    assert_eq!(read(&writer.file()).unwrap(), read(&Writer::default().file()).unwrap());
    // As deep as the stack could not bear.
    let deep = b"\x50\x00\x10\0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff".repeat(100_000);
    assert!(message(&Writer { raw: deep, ..Writer::default() }.file()).contains("nested more than 32 deep"));
}

#[test]
fn wrong_files_give_errors_that_name_case_file_and_reason() {
    let file = Writer::default().file();
    let with = |tag, value| Writer::default().number(tag, value).file();
    let rle = |planes: &[Vec<u8>]| Writer::default().syntax(RLE).pixels(run_lengths(planes)).file();
    let jpeg = |size| {
        let lossless = jpeg_writer::lossless(&[0; 6], size, 16);
        Writer::default().syntax(JPEG_LOSSLESS).pixels(lossless).file()
    };
    let claim = |bytes: &[u8]| Writer { raw: bytes.to_vec(), ..Writer::default() }.file();
    let expected: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "the file is empty"),
        (b"GIF89a".to_vec(), "does not have the mark `DICM`"),
        (vec![0; 500], "does not have the mark `DICM`"),
        (file[..140].to_vec(), "ends too early"),
        (file[..file.len() - 1].to_vec(), "ends too early"),
        (Writer { pixels: None, ..Writer::default() }.file(), "it has no pixels"),
        (Writer::default().without((0x28, 0x10)).file(), "it has no Rows"),
        (with((0x28, 0x10), 0), "its size is 0 x 3"),
        (with((0x28, 0x10), 3), "its pixels have 12 bytes, but 3 x 3 needs 18"),
        (with((0x28, 0x11), 2), "its pixels have 12 bytes, but 2 x 2 needs 8"),
        (Writer::default().size(60000, 60000).file(), "asks for 7200000000 bytes"),
        (with((0x28, 0x100), 32), "32 bits allocated"),
        (with((0x28, 0x101), 17), "17 stored"),
        (with((0x28, 0x102), 3), "the highest 3"),
        (with((0x28, 0x02), 3), "MONOCHROME2 with 3 sample(s)"),
        (Writer::default().text((0x28, 0x04), "CS", "PALETTE COLOR").file(), "PALETTE COLOR with 1 sample(s)"),
        (Writer::default().value((0x28, 0x10), "UL", vec![2, 0, 0, 0]).file(), "its Rows has 4 bytes, not 2"),
        (Writer::default().text((0x28, 0x08), "IS", "7").file(), "it has 7 frames"),
        (Writer::default().value((0x28, 0x3000), "SQ", vec![]).file(), "modality look-up table"),
        (Writer::default().text((0x28, 0x1053), "DS", "0").file(), "rescale slope is 0"),
        (Writer::default().text((0x28, 0x1053), "DS", "1e999").file(), "its RescaleSlope is `1e999`"),
        (Writer::default().text((0x28, 0x1053), "DS", "1e300").file(), "5 voxels are not finite"),
        (Writer::default().text((0x28, 0x30), "DS", "1").file(), "its PixelSpacing is `1`, not 2 number(s)"),
        (Writer::default().text((0x28, 0x30), "DS", "1\\0").file(), "pixel spacing [1.0, 0.0] mm is not positive"),
        (Writer::default().syntax("1.2.840.10008.1.2.4.90").file(), "1.2.840.10008.1.2.4.90 (JPEG 2000) is not read"),
        (Writer::default().syntax("1.2.840.10008.1.2.2").file(), "(explicit VR big endian, retired)"),
        (Writer::default().syntax("1.2.3").file(), "its transfer syntax 1.2.3 is not read here"),
        (Writer::default().syntax("").file(), "does not say which transfer syntax"),
        (Writer::default().syntax(RLE).pixels(vec![0; 64]).file(), "has 0 plane(s), and its samples need 2"),
        (rle(&[vec![0; 6]]), "has 1 plane(s), and its samples need 2"),
        (rle(&[vec![0; 6], vec![0; 5]]), "ends too early"),
        (rle(&vec![vec![0; 6]; 15]), "has 15 plane(s)"),
        (jpeg([3, 2]), "its JPEG frame is 3 x 2 x 1 of 16 bits"),
        (jpeg([20000, 20000]), "its JPEG frame is 20000 x 20000 x 1"),
        (
            Writer::default().bytes().syntax(JPEG_LOSSLESS).pixels(jpeg_writer::lossless(&[0; 6], [2, 3], 16)).file(),
            "of 16 bits",
        ),
        (Writer::default().syntax(JPEG_LOSSLESS).file(), "not a JPEG frame"),
        (
            Writer::default().syntax(JPEG_LOSSLESS).pixels(vec![0xff, 0xd8, 0, 1, 2, 3]).file(),
            "JPEG frame has no header",
        ),
        (
            Writer::default().syntax(DEFLATED_FRAME).pixels(deflate(&[0; 100])).file(),
            "its deflated part holds more than the 12 bytes",
        ),
        (Writer::default().syntax(DEFLATED_FRAME).pixels(deflate(&[0; 10])).file(), "its pixels have 10 bytes"),
        (Writer::default().syntax(DEFLATED_FRAME).pixels(vec![0xff; 20]).file(), "its deflated part is damaged"),
        // Elements and sequences that claim 4 GiB, and a fragment outside of a compressed syntax.
        (claim(b"\x50\0\x10\0OB\0\0\xf0\xff\xff\xff"), "ends too early"),
        (claim(b"\x50\0\x10\0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xf0\xff\xff\xff"), "ends too early"),
        (claim(b"\x50\0\x10\0SQ\0\0\xff\xff\xff\xff\x10\0\x10\0AE\0\0"), "not an item"),
        (claim(b"\x50\0\x10\0\0\x01\0\0"), "element (0050,0010) has no value representation"),
        (claim(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0"), "not packed as transfer syntax"),
    ];
    for (bytes, reason) in expected {
        let message = message(&bytes);
        assert!(message.starts_with("case case, slice.dcm: ") && message.contains(reason), "{reason}: {message}");
    }
    let absent = dicom_file::read("1", Path::new("/absent/slice.dcm")).unwrap_err().to_string();
    assert_eq!(absent, "case 1, /absent/slice.dcm: the file is missing");
}

/// A few bytes may not inflate to more than a slice can have.
#[test]
fn a_deflate_bomb_is_refused() {
    let bomb = Writer::default().syntax(DEFLATED).pixels(vec![0; 1 << 20]);
    assert!(message(&bomb.file()).contains("its pixels have 1048576 bytes"));
    let frame = Writer::default().syntax(DEFLATED_FRAME).pixels(deflate(&vec![0; 1 << 24]));
    assert!(message(&frame.file()).contains("its deflated part holds more than the 12 bytes"));
}

#[test]
fn cut_files_are_never_read() {
    let planes = [vec![1, 2, 3, 4, 5, 6], vec![0; 6]];
    let rle = Writer::default().syntax(RLE).pixels(run_lengths(&planes));
    let lossless = Writer::default().syntax(JPEG_LOSSLESS).pixels(jpeg_writer::lossless(&VALUES, [2, 3], 16));
    let deflated = Writer::default().syntax(DEFLATED);
    for writer in [Writer::default(), Writer::default().syntax(IMPLICIT), rle, lossless, deflated] {
        let file = writer.file();
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "{} cut to {length} bytes", writer.syntax);
        }
    }
}

/// Twenty real CT slices of CHAOS, where they lie beside the project.
#[test]
fn real_slices_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chaos_ct_sample/Train_Sets/CT/1");
    let Ok(folder) = std::fs::read_dir(root.join("DICOM_anon")) else {
        eprintln!("SKIPPED real_slices_are_read: {} is not there", root.display());
        return;
    };
    let mut slices: Vec<Dicom> = folder.map(|entry| dicom_file::read("1", &entry.unwrap().path()).unwrap()).collect();
    slices.sort_by(|a, b| a.position.unwrap()[2].total_cmp(&b.position.unwrap()[2]));
    assert_eq!(slices.len(), 20);
    for slice in &slices {
        assert_eq!([slice.rows, slice.columns, slice.channels], [512, 512, 1]);
        assert_eq!(slice.spacing, Some([0.7265625; 2]));
        assert_eq!(slice.series, slices[0].series);
        // Air outside and bone inside, in Hounsfield units.
        let least = slice.data.iter().copied().fold(f32::MAX, f32::min);
        let greatest = slice.data.iter().copied().fold(f32::MIN, f32::max);
        assert!(least == -1000.0 && greatest > 300.0, "{least} {greatest}");
    }
    for entry in std::fs::read_dir(root.join("Ground")).unwrap() {
        let mask = picture_file::read("1", &entry.unwrap().path()).unwrap();
        assert_eq!([mask.rows, mask.columns, mask.channels, mask.bits.into()], [512, 512, 1, 1]);
        let liver = mask.data.iter().filter(|&&x| x == 1).count();
        assert!(mask.data.iter().all(|&x| x <= 1) && liver > 1000, "{liver}");
    }
}
