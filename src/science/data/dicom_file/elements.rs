//! The outermost elements of a data set, by PS3.5 chapter 7. Nothing is copied; lengths never leave the file.

use super::Fault;
use std::collections::BTreeMap;

/// Length of an element that ends with a delimiter.
const UNDEFINED: u32 = u32::MAX;
/// Sequences in sequences; real files have about five levels.
const DEPTH: usize = 32;

const ITEM: (u16, u16) = (0xfffe, 0xe000);
const ITEM_END: (u16, u16) = (0xfffe, 0xe00d);
const SEQUENCE_END: (u16, u16) = (0xfffe, 0xe0dd);
const PIXEL_DATA: (u16, u16) = (0x7fe0, 0x0010);

/// The attributes that are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tag {
    TransferSyntax = 0x0002_0010,
    SopClass = 0x0008_0016,
    SopInstance = 0x0008_0018,
    SeriesDescription = 0x0008_103e,
    SliceThickness = 0x0018_0050,
    SpacingBetweenSlices = 0x0018_0088,
    StudyUid = 0x0020_000d,
    SeriesUid = 0x0020_000e,
    SeriesNumber = 0x0020_0011,
    Instance = 0x0020_0013,
    Position = 0x0020_0032,
    Orientation = 0x0020_0037,
    SliceLocation = 0x0020_1041,
    SamplesPerPixel = 0x0028_0002,
    Photometric = 0x0028_0004,
    Planar = 0x0028_0006,
    Frames = 0x0028_0008,
    Rows = 0x0028_0010,
    Columns = 0x0028_0011,
    PixelSpacing = 0x0028_0030,
    BitsAllocated = 0x0028_0100,
    BitsStored = 0x0028_0101,
    HighBit = 0x0028_0102,
    Signed = 0x0028_0103,
    RescaleIntercept = 0x0028_1052,
    RescaleSlope = 0x0028_1053,
    ModalityLut = 0x0028_3000,
}

pub(super) enum Pixels<'a> {
    /// Samples as they are.
    Plain(&'a [u8]),
    /// The parts of a compressed frame, without the table of offsets.
    Fragments(Vec<&'a [u8]>),
}

pub(super) struct Elements<'a> {
    values: BTreeMap<u32, &'a [u8]>,
    pub(super) pixels: Option<Pixels<'a>>,
}

impl<'a> Elements<'a> {
    /// Walks a data set up to and with its pixels; what follows them (padding, signatures) is left alone.
    pub(super) fn walk(bytes: &'a [u8], explicit: bool) -> Result<Self, Fault> {
        let mut cursor = Cursor { bytes, at: 0, explicit };
        let mut elements = Elements { values: BTreeMap::new(), pixels: None };
        while cursor.at < bytes.len() && elements.pixels.is_none() {
            let header = cursor.header()?;
            match (header.tag, header.length) {
                (PIXEL_DATA, UNDEFINED) => elements.pixels = Some(Pixels::Fragments(cursor.fragments()?)),
                (PIXEL_DATA, length) => elements.pixels = Some(Pixels::Plain(cursor.take(length)?)),
                (tag, length) => {
                    let value = cursor.value(length, &header, 0)?;
                    elements.keep(tag, value);
                }
            }
        }
        Ok(elements)
    }

    /// The file's meta group, and where it ends. It is always in explicit VR (PS3.10 7.1).
    pub(super) fn meta(bytes: &'a [u8], start: usize) -> Result<(Self, usize), Fault> {
        let mut cursor = Cursor { bytes, at: start, explicit: true };
        let mut elements = Elements { values: BTreeMap::new(), pixels: None };
        while bytes.get(cursor.at..).is_some_and(|rest| rest.starts_with(&[2, 0])) {
            let header = cursor.header()?;
            let value = cursor.value(header.length, &header, 0)?;
            elements.keep(header.tag, value);
        }
        Ok((elements, cursor.at))
    }

    /// Others than the groups that are read would only take memory.
    fn keep(&mut self, (group, element): (u16, u16), value: &'a [u8]) {
        if matches!(group, 0x02 | 0x08 | 0x10 | 0x18 | 0x20 | 0x28) {
            self.values.insert(u32::from(group) << 16 | u32::from(element), value);
        }
    }

    /// The bytes of any element of the groups that are kept, with their padding.
    pub(super) fn raw(&self, tag: u32) -> Option<&'a [u8]> {
        self.values.get(&tag).copied()
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.values.contains_key(&(tag as u32))
    }

    /// A text without its padding, if there is one.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let text = String::from_utf8_lossy(self.values.get(&(tag as u32))?);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A whole number of two bytes.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<u16>, Fault> {
        match self.values.get(&(tag as u32)) {
            None | Some([]) => Ok(None),
            Some(&&[low, high]) => Ok(Some(u16::from_le_bytes([low, high]))),
            Some(other) => Err(Fault::Reason(format!("its {tag:?} has {} bytes, not 2", other.len()))),
        }
    }

    /// A whole number that must be there.
    pub(super) fn needed(&self, tag: Tag) -> Result<u16, Fault> {
        self.number(tag)?.ok_or_else(|| Fault::Reason(format!("it has no {tag:?}")))
    }

    /// `N` finite numbers in text form, split by backslashes.
    pub(super) fn decimals<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>, Fault> {
        let Some(text) = self.text(tag) else { return Ok(None) };
        let numbers = text.split('\\').map(|part| part.trim().parse().ok().filter(|x: &f64| x.is_finite()));
        let numbers: Option<Vec<f64>> = numbers.collect();
        let numbers: Option<[f64; N]> = numbers.and_then(|numbers| numbers.try_into().ok());
        let wrong = || Fault::Reason(format!("its {tag:?} is `{}`, not {N} number(s)", text.escape_debug()));
        numbers.map(Some).ok_or_else(wrong)
    }
}

struct Header {
    tag: (u16, u16),
    /// Its content is in implicit VR (PS3.5 6.2.2, note 2).
    unknown: bool,
    length: u32,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    explicit: bool,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u32) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(length as usize).ok_or(Fault::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N as u32)?.try_into().map_err(|_| Fault::Truncated)
    }

    fn header(&mut self) -> Result<Header, Fault> {
        let [a, b, c, d] = self.array()?;
        let tag = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        if !self.explicit || tag.0 == ITEM.0 {
            return Ok(Header { tag, unknown: false, length: u32::from_le_bytes(self.array()?) });
        }
        let [first, second, low, high] = self.array()?;
        let vr = [first, second];
        let length = match &vr {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV" => {
                u32::from_le_bytes(self.array()?)
            }
            _ if vr.iter().all(u8::is_ascii_uppercase) => u32::from(u16::from_le_bytes([low, high])),
            _ => {
                let (group, element) = tag;
                return Err(Fault::Reason(format!("element ({group:04x},{element:04x}) has no value representation")));
            }
        };
        Ok(Header { tag, unknown: &vr == b"UN", length })
    }

    /// The value of an element, empty for a sequence of undefined length.
    fn value(&mut self, length: u32, header: &Header, depth: usize) -> Result<&'a [u8], Fault> {
        if length != UNDEFINED {
            return self.take(length);
        }
        if header.tag.0 == ITEM.0 {
            return Err(Fault::reason("a delimiter stands where an element should"));
        }
        let explicit = self.explicit;
        self.explicit = explicit && !header.unknown;
        self.skip_items(depth)?;
        self.explicit = explicit;
        Ok(&[])
    }

    fn skip_items(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH {
            return Err(Fault::Reason(format!("its sequences are nested more than {DEPTH} deep")));
        }
        loop {
            let header = self.header()?;
            match (header.tag, header.length) {
                (SEQUENCE_END, _) => return Ok(()),
                (ITEM, UNDEFINED) => self.skip_item(depth)?,
                (ITEM, length) => drop(self.take(length)?),
                _ => return Err(Fault::reason("a sequence holds something that is not an item")),
            }
        }
    }

    fn skip_item(&mut self, depth: usize) -> Result<(), Fault> {
        loop {
            let header = self.header()?;
            if header.tag == ITEM_END {
                return Ok(());
            }
            self.value(header.length, &header, depth + 1)?;
        }
    }

    /// PS3.5 A.4: a table of offsets, then the fragments, then a delimiter.
    fn fragments(&mut self) -> Result<Vec<&'a [u8]>, Fault> {
        let mut items = Vec::new();
        loop {
            let header = self.header()?;
            match (header.tag, header.length) {
                (SEQUENCE_END, _) => break,
                (ITEM, length) => items.push(self.take(length)?),
                _ => return Err(Fault::reason("its compressed pixels hold something that is not a fragment")),
            }
        }
        Ok(items.split_off(items.len().min(1)))
    }
}
