//! Small DICOM files, good and wrong, byte by byte.

use std::io::Write;

pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
pub const RLE: &str = "1.2.840.10008.1.2.5";
pub const DEFLATED_FRAME: &str = "1.2.840.10008.1.2.8.1";

type Tag = (u16, u16);

/// A slice of 2 rows and 3 columns of 16 bits, to be altered.
#[derive(Clone)]
pub struct Writer {
    pub syntax: &'static str,
    /// Elements in the order of the file: tag, value representation, value.
    pub elements: Vec<(Tag, &'static str, Vec<u8>)>,
    /// Written before the pixels as it is.
    pub raw: Vec<u8>,
    pub pixels: Option<Vec<u8>>,
}

pub const VALUES: [u16; 6] = [0, 1, 500, 40000, 65535, 7];

pub fn little(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl Default for Writer {
    fn default() -> Self {
        let writer = Writer { syntax: EXPLICIT, elements: Vec::new(), raw: Vec::new(), pixels: Some(little(&VALUES)) };
        let writer = writer.text((0x08, 0x103e), "LO", "T1 in phase ").text((0x20, 0x0e), "UI", "1.2.3\0");
        let writer = writer.text((0x20, 0x13), "IS", "12").text((0x20, 0x32), "DS", "-1.5\\2\\-40");
        let writer = writer.text((0x20, 0x37), "DS", "1\\0\\0\\0\\1\\0").text((0x20, 0x1041), "DS", "-40.5 ");
        let writer = writer.number((0x28, 0x02), 1).text((0x28, 0x04), "CS", "MONOCHROME2 ");
        let writer = writer.number((0x28, 0x10), 2).number((0x28, 0x11), 3).text((0x28, 0x30), "DS", "1.25\\0.75");
        let writer = writer.number((0x28, 0x100), 16).number((0x28, 0x101), 16).number((0x28, 0x102), 15);
        writer.number((0x28, 0x103), 0)
    }
}

impl Writer {
    pub fn syntax(self, syntax: &'static str) -> Self {
        Writer { syntax, ..self }
    }

    pub fn pixels(self, pixels: Vec<u8>) -> Self {
        Writer { pixels: Some(pixels), ..self }
    }

    /// Replaces or adds an element.
    pub fn value(mut self, tag: Tag, vr: &'static str, value: Vec<u8>) -> Self {
        self.elements.retain(|element| element.0 != tag);
        self.elements.push((tag, vr, value));
        self.elements.sort_by_key(|element| element.0);
        self
    }

    pub fn text(self, tag: Tag, vr: &'static str, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), b' ');
        self.value(tag, vr, value)
    }

    pub fn number(self, tag: Tag, value: u16) -> Self {
        self.value(tag, "US", value.to_le_bytes().to_vec())
    }

    pub fn without(mut self, tag: Tag) -> Self {
        self.elements.retain(|element| element.0 != tag);
        self
    }

    /// 8 bits a sample.
    pub fn bytes(self) -> Self {
        self.number((0x28, 0x100), 8).number((0x28, 0x101), 8).number((0x28, 0x102), 7)
    }

    pub fn size(self, rows: u16, columns: u16) -> Self {
        self.number((0x28, 0x10), rows).number((0x28, 0x11), columns)
    }

    pub fn data_set(&self) -> Vec<u8> {
        let explicit = self.syntax != IMPLICIT;
        let mut bytes = Vec::new();
        for (tag, vr, value) in &self.elements {
            element(&mut bytes, *tag, vr, value, explicit);
        }
        bytes.extend(&self.raw);
        match &self.pixels {
            None => {}
            Some(pixels) if [IMPLICIT, EXPLICIT, DEFLATED].contains(&self.syntax) => {
                let mut pixels = pixels.clone();
                pixels.resize(pixels.len().next_multiple_of(2), 0);
                element(&mut bytes, (0x7fe0, 0x10), "OW", &pixels, explicit);
            }
            Some(pixels) => bytes.extend(encapsulated(pixels)),
        }
        bytes
    }

    pub fn file(&self) -> Vec<u8> {
        let mut meta = Vec::new();
        let mut uid = self.syntax.as_bytes().to_vec();
        uid.resize(uid.len().next_multiple_of(2), 0);
        element(&mut meta, (2, 1), "OB", &[0, 1], true);
        element(&mut meta, (2, 0x10), "UI", &uid, true);
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        element(&mut file, (2, 0), "UL", &(meta.len() as u32).to_le_bytes(), true);
        file.extend(meta);
        file.extend(if self.syntax == DEFLATED { deflate(&self.data_set()) } else { self.data_set() });
        file
    }
}

pub fn element(bytes: &mut Vec<u8>, tag: Tag, vr: &str, value: &[u8], explicit: bool) {
    bytes.extend(tag.0.to_le_bytes());
    bytes.extend(tag.1.to_le_bytes());
    match (explicit, vr) {
        (false, _) => bytes.extend((value.len() as u32).to_le_bytes()),
        (true, "OB" | "OW" | "SQ" | "UN" | "UT") => {
            bytes.extend(vr.as_bytes());
            bytes.extend([0, 0]);
            bytes.extend((value.len() as u32).to_le_bytes());
        }
        (true, _) => {
            bytes.extend(vr.as_bytes());
            bytes.extend((value.len() as u16).to_le_bytes());
        }
    }
    bytes.extend(value);
}

/// Pixel data in an empty table of offsets and two fragments.
fn encapsulated(packed: &[u8]) -> Vec<u8> {
    let mut packed = packed.to_vec();
    packed.resize(packed.len().next_multiple_of(2), 0);
    let (first, second) = packed.split_at(packed.len() / 4 * 2);
    let mut bytes = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0".to_vec();
    for fragment in [first, second] {
        bytes.extend(b"\xfe\xff\0\xe0");
        bytes.extend((fragment.len() as u32).to_le_bytes());
        bytes.extend(fragment);
    }
    bytes.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    bytes
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Planes in RLE (PS3.5 annex G), each of literal runs.
pub fn run_lengths(planes: &[Vec<u8>]) -> Vec<u8> {
    let segments: Vec<Vec<u8>> = planes.iter().map(|plane| literal(plane)).collect();
    let mut bytes = (segments.len() as u32).to_le_bytes().to_vec();
    let mut start = 64u32;
    for segment in &segments {
        bytes.extend(start.to_le_bytes());
        start += segment.len() as u32;
    }
    bytes.resize(64, 0);
    bytes.extend(segments.concat());
    bytes
}

fn literal(plane: &[u8]) -> Vec<u8> {
    plane.chunks(128).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect()
}
