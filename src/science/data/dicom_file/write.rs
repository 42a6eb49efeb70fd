//! Masks as DICOM: derived images of the slices that they belong to (PS3.3 C.7.6.1.1.2), of the slice's own SOP class, so that
//! programs that read positions and spacings of it read them of the mask.
//!
//! Elements are written here and not by `dicom-object`: texts of the slice are copied as bytes, in whatever character set
//! they are, and everything that a mask has is in one table.

use super::Fault;
use super::elements::{Elements, Tag};
use super::syntax;
use crate::science::data::{DataError, Place};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Explicit VR little endian.
const SYNTAX: &str = "1.2.840.10008.1.2.1";
/// Secondary Capture, for slices that do not say what they are.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// A mask's series is that many after its slice's.
const SERIES_AFTER: i64 = 1000;

/// What is taken over from the slice as it is; those marked must be there, if empty (type 2).
const COPIED: [(u32, &str, bool); 45] = [
    (0x0008_0005, "CS", false),
    (0x0008_0020, "DA", true),
    (0x0008_0030, "TM", true),
    (0x0008_0050, "SH", true),
    (0x0008_0060, "CS", false),
    (0x0008_0090, "PN", true),
    (0x0008_1030, "LO", false),
    (0x0010_0010, "PN", true),
    (0x0010_0020, "LO", true),
    (0x0010_0030, "DA", true),
    (0x0010_0040, "CS", true),
    (0x0010_1010, "AS", false),
    (0x0018_0015, "CS", false),
    (0x0018_0020, "CS", false),
    (0x0018_0021, "CS", false),
    (0x0018_0022, "CS", false),
    (0x0018_0023, "CS", false),
    (0x0018_0050, "DS", false),
    (0x0018_0060, "DS", false),
    (0x0018_0080, "DS", false),
    (0x0018_0081, "DS", false),
    (0x0018_0082, "DS", false),
    (0x0018_0088, "DS", false),
    (0x0018_0091, "IS", false),
    (0x0018_1030, "LO", false),
    (0x0018_1060, "DS", false),
    (0x0018_1164, "DS", false),
    (0x0018_1314, "DS", false),
    (0x0018_5100, "CS", false),
    (0x0020_000d, "UI", false),
    (0x0020_0010, "SH", true),
    (0x0020_0012, "IS", false),
    (0x0020_0013, "IS", true),
    (0x0020_0020, "CS", false),
    (0x0020_0032, "DS", false),
    (0x0020_0037, "DS", false),
    (0x0020_0052, "UI", false),
    (0x0020_0060, "CS", false),
    (0x0020_0100, "IS", false),
    (0x0020_0105, "IS", false),
    (0x0020_1002, "IS", false),
    (0x0020_1040, "LO", false),
    (0x0020_1041, "DS", false),
    (0x0028_0030, "DS", false),
    (0x0028_0034, "IS", false),
];

/// A slice as its mask sees it: what it is called, and where it lies.
pub struct Original {
    copied: Values,
    sop_class: String,
    sop_instance: Option<String>,
    series: Option<String>,
    series_number: i64,
    /// From slice to slice in mm, by Spacing Between Slices, else Slice Thickness.
    pub depth: Option<f64>,
    sha256: [u8; 32],
}

impl Original {
    /// Of a file's content.
    pub fn of(place: &Place, bytes: &[u8]) -> Result<Self, DataError> {
        Self::read(bytes).map_err(|fault| fault.at(place))
    }

    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let body = syntax::body(bytes)?;
        let elements = Elements::walk(&body.bytes, body.syntax.explicit)?;
        let copy = |&(tag, vr, needed): &(u32, &'static str, bool)| {
            // A value of more bytes than a short length can say is none that is copied here.
            let value = elements.raw(tag).filter(|value| value.len() < usize::from(u16::MAX));
            value.or(needed.then_some(&[][..])).map(|value| (tag, (vr, value.to_vec())))
        };
        let number = elements.text(Tag::SeriesNumber).and_then(|text| text.parse::<i32>().ok()).unwrap_or(0);
        let positive = |tag| elements.decimals(tag).ok().flatten().map(|[x]: [f64; 1]| x.abs()).filter(|&x| x > 0.0);
        Ok(Original {
            copied: COPIED.iter().filter_map(copy).collect(),
            sop_class: elements.text(Tag::SopClass).unwrap_or_else(|| SECONDARY_CAPTURE.to_owned()),
            sop_instance: elements.text(Tag::SopInstance),
            series: elements.text(Tag::SeriesUid).or_else(|| elements.text(Tag::StudyUid)),
            series_number: i64::from(number) + SERIES_AFTER,
            depth: positive(Tag::SpacingBetweenSlices).or_else(|| positive(Tag::SliceThickness)),
            sha256: Sha256::digest(bytes).into(),
        })
    }
}

/// A mask of a slice, to be written.
pub struct Mask<'a> {
    pub original: &'a Original,
    pub rows: usize,
    pub columns: usize,
    /// `[row, column]`
    pub labels: &'a [u8],
    /// What the labels mean and who says so.
    pub description: &'a str,
    /// What made it, e.g. the digest of the weights: masks of one series have it in common, others of this series another one.
    pub maker: &'a str,
    pub version: &'a str,
}

impl Mask<'_> {
    /// The file. Equal masks of equal slices are equal files, identifiers included.
    pub fn file(&self) -> Vec<u8> {
        let instance = uid(&[b"image", self.maker.as_bytes(), &self.original.sha256, self.labels]);
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        let meta = written(&self.meta(&instance));
        file.extend(element(0x0002_0000, "UL", &(meta.len() as u32).to_le_bytes()));
        file.extend(meta);
        file.extend(written(&self.elements(&instance)));
        file
    }

    fn meta(&self, instance: &str) -> Values {
        let mut meta = Values::new();
        meta.insert(0x0002_0001, ("OB", vec![0, 1]));
        let implementation = uid(&[b"implementation", b"runner"]);
        let version = format!("RUNNER {}", self.version);
        for (tag, vr, value) in [
            (0x0002_0002, "UI", self.original.sop_class.as_str()),
            (0x0002_0003, "UI", instance),
            (0x0002_0010, "UI", SYNTAX),
            (0x0002_0012, "UI", &implementation),
            (0x0002_0013, "SH", version.get(..16).unwrap_or(&version)),
        ] {
            meta.insert(tag, (vr, value.as_bytes().to_vec()));
        }
        meta
    }

    fn elements(&self, instance: &str) -> Values {
        let Original { copied, sop_class, series, series_number, .. } = self.original;
        let mut all = copied.clone();
        let series = series.as_deref().unwrap_or_default();
        let study = uid(&[b"study", series.as_bytes()]);
        all.entry(0x0020_000d).or_insert(("UI", study.into_bytes()));
        let own = uid(&[b"series", self.maker.as_bytes(), series.as_bytes()]);
        let number = series_number.to_string();
        let greatest = self.labels.iter().copied().max().unwrap_or(0).max(1);
        let (centre, width) = (format!("{:.1}", f64::from(greatest) / 2.0), (u16::from(greatest) + 1).to_string());
        for (tag, vr, value) in [
            (0x0008_0008, "CS", "DERIVED\\SECONDARY\\OTHER"),
            (0x0008_0016, "UI", sop_class),
            (0x0008_0018, "UI", instance),
            (0x0008_0070, "LO", "runner"),
            (0x0008_103e, "LO", "labels by runner"),
            (0x0008_2111, "ST", self.description),
            (0x0018_1020, "LO", self.version),
            (0x0020_000e, "UI", &own),
            (0x0020_0011, "IS", &number),
            (0x0028_0004, "CS", "MONOCHROME2"),
            (0x0028_1050, "DS", &centre),
            (0x0028_1051, "DS", &width),
        ] {
            all.insert(tag, (vr, value.as_bytes().to_vec()));
        }
        let (rows, columns) = (self.rows as u16, self.columns as u16);
        for (tag, value) in [
            (0x0028_0002, 1),
            (0x0028_0010, rows),
            (0x0028_0011, columns),
            (0x0028_0100, 8),
            (0x0028_0101, 8),
            (0x0028_0102, 7),
            (0x0028_0103, 0),
        ] {
            all.insert(tag, ("US", value.to_le_bytes().to_vec()));
        }
        if self.original.sop_instance.is_some() {
            all.insert(0x0008_2112, ("SQ", self.source()));
        }
        all.insert(0x7fe0_0010, ("OB", self.labels.to_vec()));
        all
    }

    /// One item that names the slice (PS3.3 C.12.4, Source Image Sequence).
    fn source(&self) -> Vec<u8> {
        let Original { sop_class, sop_instance, .. } = self.original;
        let text = |text: &str| ("UI", text.as_bytes().to_vec());
        let instance = sop_instance.as_deref().unwrap_or_default();
        let item = written(&[(0x0008_1150, text(sop_class)), (0x0008_1155, text(instance))].into());
        let head = [0xfe, 0xff, 0x00, 0xe0];
        [&head[..], &(item.len() as u32).to_le_bytes(), &item].concat()
    }
}

/// An identifier that is the same for the same parts: a UUID of their digest in decimal digits (PS3.5 B.2).
pub fn uid(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Version 8 (the maker's own way) and variant of RFC 9562.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

/// Value representation and value, in the order of the file.
type Values = BTreeMap<u32, (&'static str, Vec<u8>)>;

fn written(elements: &Values) -> Vec<u8> {
    elements.iter().flat_map(|(tag, (vr, value))| element(*tag, vr, value)).collect()
}

/// PS3.5 7.1.2; values get an even length.
fn element(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let [group, number] = [(tag >> 16) as u16, tag as u16].map(u16::to_le_bytes);
    let length = value.len().next_multiple_of(2);
    let mut bytes = [&group[..], &number, vr.as_bytes()].concat();
    match vr {
        "OB" | "SQ" => {
            bytes.extend([0, 0]);
            bytes.extend((length as u32).to_le_bytes());
        }
        _ => bytes.extend((length as u16).to_le_bytes()),
    }
    bytes.extend(value);
    let padding = if matches!(vr, "UI" | "OB") { 0 } else { b' ' };
    bytes.resize(bytes.len() + length - value.len(), padding);
    bytes
}
