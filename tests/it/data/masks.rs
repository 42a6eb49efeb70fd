//! Masks in the geometry of their images: the files.

use super::dicom_writer as dicom;
use super::nifti_writer::{self as nifti, gzip};
use runner::science::data::dicom_file::{self, Mask, Original, uid};
use runner::science::data::{Place, nifti_file, picture_file};

fn place() -> Place {
    Place::new("case", "file")
}

#[test]
fn a_nifti_mask_has_the_header_of_its_image() {
    for (second, big) in [(false, false), (false, true), (true, false), (true, true)] {
        let writer =
            nifti::Writer { second, big, datatype: 4, slope: [2.0, 7.0], voxels: vec![1; 12], ..Default::default() };
        let image = nifti_file::read_bytes(&place(), &writer.file()).unwrap();
        let file = nifti_file::mask(&image.header, &[0, 1, 2, 3, 0, 255], "runner: 0 background, 1 RV", false);
        assert_eq!(file.len(), if second { 544 } else { 352 } + 6);
        let mask = nifti_file::read_bytes(&place(), &file).unwrap();
        // Slope and intercept of the image are not the mask's.
        assert_eq!(mask.data, [0.0, 1.0, 2.0, 3.0, 0.0, 255.0], "{second} {big}");
        let geometry = |n: &nifti_file::Nifti| (n.slices, n.rows, n.columns, n.spacing, n.affine, n.depth());
        assert_eq!(geometry(&mask), geometry(&image));
        let changed: Vec<usize> = (0..image.header.len()).filter(|&i| mask.header[i] != image.header[i]).collect();
        // Intent, type, bits, offset, slope and intercept, description; not sizes, spacing, units, qform or sform.
        let allowed = |i: usize| match second {
            true => matches!(i, 12..16 | 80..104 | 168..208 | 240..344 | 504..524),
            false => matches!(i, 56..74 | 108..120 | 124..132 | 140..252 | 328..344),
        };
        assert!(changed.iter().all(|&i| allowed(i)), "{changed:?}");
        let zipped = nifti_file::mask(&image.header, &[0, 1, 2, 3, 0, 255], "runner: 0 background, 1 RV", true);
        assert_eq!(&zipped[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "no name and no time");
        assert_eq!(nifti_file::read_bytes(&place(), &zipped).unwrap().data, mask.data);
    }
}

/// Three frames of one slice; frame 2 has the values 10 to 15.
#[test]
fn one_frame_of_several_is_read_and_its_mask_has_three_dimensions() {
    let folder = tempfile::tempdir().unwrap();
    let voxels = (0..18).map(|i| i + 4).collect();
    let writer = nifti::Writer { dim: [4, 3, 2, 1, 3, 1, 1, 1], voxels, ..Default::default() };
    for (name, bytes) in [("cine.nii", writer.file()), ("cine.nii.gz", gzip(&writer.file()))] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let frame = nifti_file::read_frame("case", &path, Some(2)).unwrap();
        assert_eq!(frame.data, [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
        let file = nifti_file::mask(&frame.header, &[1; 6], "", false);
        assert_eq!(file[40..48], [3, 0, 3, 0, 2, 0, 1, 0]);
        assert_eq!(nifti_file::read_bytes(&place(), &file).unwrap().data, [1.0; 6]);
        for wrong in [None, Some(0), Some(4)] {
            let error = nifti_file::read_frame("case", &path, wrong).unwrap_err().to_string();
            assert!(error.ends_with("it has 3 frames, and one image is needed: pick one, 1 to 3"), "{error}");
        }
    }
}

fn mask(original: &Original, labels: &[u8], maker: &str) -> Vec<u8> {
    let description = "runner 1.2.3: 0 background, 1 RV";
    Mask { original, rows: 2, columns: 3, labels, description, maker, version: "1.2.3" }.file()
}

/// Read by `dicom-object`, which had no part in the writing.
#[test]
fn a_dicom_mask_lies_where_its_slice_lies() {
    let writer = dicom::Writer::default().text((0x08, 0x16), "UI", "1.2.840.10008.5.1.4.1.1.4\0");
    let writer = writer.text((0x08, 0x18), "UI", "1.2.3.4\0").text((0x20, 0x0d), "UI", "1.2.9\0");
    let writer = writer.text((0x10, 0x10), "PN", "M\u{fc}ller^A").text((0x18, 0x50), "DS", "8.5 ");
    let writer = writer.text((0x20, 0x11), "IS", "7 ").text((0x20, 0x52), "UI", "1.2.8\0");
    for syntax in [dicom::IMPLICIT, dicom::EXPLICIT, dicom::DEFLATED] {
        let bytes = writer.clone().syntax(syntax).file();
        let original = Original::of(&place(), &bytes).unwrap();
        assert_eq!(original.depth, Some(8.5));
        let file = mask(&original, &[0, 1, 2, 0, 3, 3], "weights");
        let (slice, read) =
            (dicom_file::read_bytes(&place(), &bytes).unwrap(), dicom_file::read_bytes(&place(), &file).unwrap());
        assert_eq!(read.data, [0.0, 1.0, 2.0, 0.0, 3.0, 3.0]);
        let geometry =
            |d: &dicom_file::Dicom| (d.rows, d.columns, d.spacing, d.position, d.orientation, d.slice_location);
        assert_eq!(geometry(&read), geometry(&slice));
        let object = dicom_object::from_reader(&file[..]).unwrap();
        let text = |name: &str| object.element_by_name(name).unwrap().to_str().unwrap().trim_end().to_owned();
        assert_eq!(text("ImageType"), "DERIVED\\SECONDARY\\OTHER");
        assert_eq!((text("StudyInstanceUID"), text("FrameOfReferenceUID")), ("1.2.9".into(), "1.2.8".into()));
        assert_eq!((text("SOPClassUID"), text("SeriesNumber")), ("1.2.840.10008.5.1.4.1.1.4".into(), "1007".into()));
        assert_eq!(
            (text("DerivationDescription").as_str(), text("InstanceNumber").as_str()),
            ("runner 1.2.3: 0 background, 1 RV", "12")
        );
        assert_eq!(object.meta().media_storage_sop_instance_uid.trim_end_matches('\0'), text("SOPInstanceUID"));
        assert!(text("SOPInstanceUID").starts_with("2.25.") && text("SeriesInstanceUID").starts_with("2.25."));
        assert_ne!(text("SOPInstanceUID"), text("SeriesInstanceUID"));
        let source = object.element_by_name("SourceImageSequence").unwrap().items().unwrap();
        assert_eq!(source.len(), 1);
        let name = source[0].element_by_name("ReferencedSOPInstanceUID").unwrap().to_str().unwrap();
        assert_eq!(name.trim_end_matches('\0'), "1.2.3.4");
        // The bytes of a name stay as they are, whatever they mean.
        let name = "M\u{fc}ller^A".as_bytes();
        assert!(file.windows(name.len()).any(|bytes| bytes == name));
        let numbers = ["BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"];
        let number = |name: &str| object.element_by_name(name).unwrap().to_int::<u16>().unwrap();
        assert_eq!(numbers.map(number), [8, 8, 7, 0, 1]);
    }
}

#[test]
fn dicom_identifiers_follow_from_what_made_the_mask() {
    let original = |place_: &str| {
        let bytes = dicom::Writer::default().text((0x20, 0x32), "DS", place_).file();
        Original::of(&place(), &bytes).unwrap()
    };
    let (first, second) = (original("0\\0\\0 "), original("0\\0\\8 "));
    let uids = |original: &Original, labels: &[u8], maker: &str| {
        let file = mask(original, labels, maker);
        let object = dicom_object::from_reader(&file[..]).unwrap();
        let text = |name: &str| object.element_by_name(name).unwrap().to_str().unwrap().into_owned();
        // A slice that does not say what it is has a mask that is a secondary capture.
        assert_eq!(text("SOPClassUID"), "1.2.840.10008.5.1.4.1.1.7");
        assert!(object.element_by_name("SourceImageSequence").is_err());
        [text("SeriesInstanceUID"), text("SOPInstanceUID")]
    };
    let (a, b) = (uids(&first, &[1; 6], "w"), uids(&second, &[1; 6], "w"));
    assert_eq!(a, uids(&first, &[1; 6], "w"));
    assert_eq!(a[0], b[0], "slices of one series stay one");
    assert_ne!(a[1], b[1]);
    assert_ne!(a[1], uids(&first, &[2; 6], "w")[1]);
    assert_ne!(a[0], uids(&first, &[1; 6], "other weights")[0]);
    // SHA-256 of 8 bytes of length and the letter a, as sha256sum has it, with version and variant.
    assert_eq!(uid(&[b"a"]), UID_OF_A);
    assert_ne!(uid(&[b"ab", b""]), uid(&[b"a", b"b"]));
}

const UID_OF_A: &str = "2.25.231790009270221185271371412880956815773";

#[test]
fn a_png_mask_is_a_palette_image() {
    let palette = [[0, 0, 0], [230, 159, 0], [0, 158, 115]];
    let bytes = picture_file::mask(2, 3, &[0, 1, 2, 2, 1, 0], &palette).unwrap();
    let picture = picture_file::read_bytes(&place(), &bytes).unwrap();
    assert_eq!((picture.rows, picture.columns, picture.kind), (2, 3, picture_file::PictureKind::Palette));
    assert_eq!((picture.data, picture.palette), (vec![0, 1, 2, 2, 1, 0], palette.to_vec()));
}
