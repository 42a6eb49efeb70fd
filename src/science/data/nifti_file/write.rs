use super::header::{Header, SIZE_1, is_second};
use flate2::{Compression, GzBuilder};
use std::io::Write;

/// Where the fields lie that a mask changes: offset in NIfTI-1 and in NIfTI-2, and bytes of each there.
struct Field(usize, usize, usize, usize);

const DIM: Field = Field(40, 2, 16, 8);
const INTENT_PARAMETERS: Field = Field(56, 12, 80, 24);
const INTENT: Field = Field(68, 2, 504, 4);
const DATATYPE: Field = Field(70, 2, 12, 2);
const BITS: Field = Field(72, 2, 14, 2);
const OFFSET: Field = Field(108, 4, 168, 8);
const SLOPE: Field = Field(112, 4, 176, 8);
const INTERCEPT: Field = Field(116, 4, 184, 8);
const SHOWN: Field = Field(124, 8, 192, 16);
const RANGE: Field = Field(140, 8, 0, 0);
const DESCRIPTION: Field = Field(148, 80, 240, 80);
const OTHER_FILE: Field = Field(228, 24, 320, 24);
const INTENT_NAME: Field = Field(328, 16, 508, 16);

/// NIFTI_INTENT_LABEL: the values are labels.
const LABELS: u32 = 1002;
/// DT_UINT8.
const UNSIGNED_BYTE: u32 = 2;

/// A mask in the geometry of the image that had `header` (348 or 540 bytes, [`super::Nifti::header`]): orientation,
/// spacing, units and byte order stay; voxels become unsigned bytes without scaling. `labels` are in the file's order. `zipped`:
/// as `.nii.gz`.
pub fn mask(header: &[u8], labels: &[u8], description: &str, zipped: bool) -> Vec<u8> {
    let mut header = Out::new(header);
    if frames(&header.bytes) > 1 {
        header.number(&DIM, 0, 3);
        (4..8).for_each(|i| header.number(&DIM, i, 1));
    }
    for field in [&INTENT_PARAMETERS, &SHOWN, &RANGE, &DESCRIPTION, &OTHER_FILE, &INTENT_NAME] {
        header.field(field).fill(0);
    }
    header.number(&INTENT, 0, LABELS);
    header.number(&DATATYPE, 0, UNSIGNED_BYTE);
    header.number(&BITS, 0, 8);
    header.float(&SLOPE, 1.0);
    header.float(&INTERCEPT, 0.0);
    // Behind the four bytes that say that no extension follows.
    let offset = header.bytes.len() + 4;
    header.offset(offset);
    // The last byte stays 0, as the end of the text.
    let text = header.field(&DESCRIPTION).iter_mut().take(79);
    text.zip(description.bytes()).for_each(|(to, from)| *to = from);
    let file = [&header.bytes[..], &[0; 4], labels].concat();
    if zipped { gzip(&file) } else { file }
}

fn frames(header: &[u8]) -> usize {
    Header::new(header).map_or(1, |header| header.frames())
}

struct Out {
    bytes: Vec<u8>,
    second: bool,
    big: bool,
}

impl Out {
    fn new(header: &[u8]) -> Self {
        let second = is_second(header);
        let big = header.first() == Some(&0);
        let mut bytes = header.to_vec();
        bytes.resize(bytes.len().max(SIZE_1), 0);
        Out { bytes, second, big }
    }

    fn place(&self, field: &Field) -> (usize, usize) {
        let Field(first, first_size, second, second_size) = *field;
        if self.second { (second, second_size) } else { (first, first_size) }
    }

    fn field(&mut self, field: &Field) -> &mut [u8] {
        let (at, size) = self.place(field);
        self.bytes.get_mut(at..at + size).unwrap_or_default()
    }

    /// Number `i` of an array of whole numbers.
    fn number(&mut self, field: &Field, i: usize, value: u32) {
        let (at, size) = self.place(field);
        self.put(at + i * size, &u64::from(value).to_le_bytes()[..size]);
    }

    fn float(&mut self, field: &Field, value: f64) {
        let (at, size) = self.place(field);
        match size {
            4 => self.put(at, &(value as f32).to_le_bytes()),
            _ => self.put(at, &value.to_le_bytes()),
        }
    }

    /// A float in NIfTI-1, a whole number in NIfTI-2.
    fn offset(&mut self, value: usize) {
        match self.second {
            true => self.number(&OFFSET, 0, value as u32),
            false => self.float(&OFFSET, value as f64),
        }
    }

    fn put(&mut self, at: usize, little: &[u8]) {
        let Some(target) = self.bytes.get_mut(at..at + little.len()) else { return };
        target.copy_from_slice(little);
        if self.big {
            target.reverse();
        }
    }
}

/// Without time and name: equal masks give equal files.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    // Memory takes whatever is written to it.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
