//! Frames in JPEG, through `dicom-pixeldata`.

use super::Fault;
use super::frame::Frame;
use dicom_object::file::{OpenFileOptions, ReadPreamble};
use dicom_pixeldata::PixelDecoder;

/// A frame's bytes: `[row, column, channel]`, little endian.
///
/// The decoder writes past its buffer (and panics) where the JPEG frame is larger than the elements say, so that
/// frame's own header is compared first.
pub(super) fn decoded(frame: &Frame, packed: &[u8], syntax: &str) -> Result<Vec<u8>, Fault> {
    let header = Header::find(packed)?;
    let precision = if frame.width == 1 { 2..=8 } else { 9..=16 };
    if [header.rows, header.columns, header.components] != [frame.rows, frame.columns, frame.channels]
        || !precision.contains(&header.precision)
    {
        let Header { precision, rows, columns, components } = header;
        let is = format!("{rows} x {columns} x {components} of {precision} bits");
        return Err(Fault::Reason(format!("its JPEG frame is {is}, which its other elements contradict")));
    }
    let damaged = |reason: &dyn std::fmt::Display| Fault::Reason(format!("its JPEG frame cannot be decoded: {reason}"));
    let file = file(frame, packed, syntax);
    let object = OpenFileOptions::new().read_preamble(ReadPreamble::Never).from_reader(&file[..]);
    let object = object.map_err(|e| damaged(&e))?;
    let pixels = object.decode_pixel_data_frame(0).map_err(|e| damaged(&deepest(&e)))?;
    Ok(pixels.into_data())
}

fn deepest(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// What a JPEG says of itself in its frame header (ITU-T T.81, B.2.2).
struct Header {
    precision: u8,
    rows: usize,
    columns: usize,
    components: usize,
}

impl Header {
    fn find(jpeg: &[u8]) -> Result<Self, Fault> {
        let Some(mut rest) = jpeg.strip_prefix(&[0xff, 0xd8]) else {
            return Err(Fault::reason("its compressed pixels are not a JPEG frame"));
        };
        loop {
            match rest {
                [0xff, 0xff, ..] => rest = rest.get(1..).unwrap_or_default(),
                [0xff, marker, _, _, precision, a, b, c, d, components, ..] if is_frame(*marker) => {
                    let side = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
                    let (rows, columns) = (side(*a, *b), side(*c, *d));
                    return Ok(Header { precision: *precision, rows, columns, components: (*components).into() });
                }
                [0xff, _, high, low, ..] => {
                    let length = 2 + usize::from(u16::from_be_bytes([*high, *low]));
                    rest = rest.get(length..).ok_or(Fault::Truncated)?;
                }
                [_, _, _, _, ..] => return Err(Fault::reason("its JPEG frame has no header")),
                _ => return Err(Fault::Truncated),
            }
        }
    }
}

fn is_frame(marker: u8) -> bool {
    (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// A DICOM file (explicit VR little endian) that holds this frame, what is needed to decode it, and nothing else.
fn file(frame: &Frame, packed: &[u8], syntax: &str) -> Vec<u8> {
    let bits = 8 * frame.width as u16;
    let mut meta = Vec::new();
    text(&mut meta, (2, 2), b"UI", "1.2.840.10008.5.1.4.1.1.7");
    text(&mut meta, (2, 3), b"UI", "1.2");
    text(&mut meta, (2, 0x10), b"UI", syntax);
    text(&mut meta, (2, 0x12), b"UI", "1.2");
    let mut file = b"DICM\x02\0\0\0UL\x04\0".to_vec();
    file.extend((meta.len() as u32).to_le_bytes());
    file.extend(meta);
    number(&mut file, 0x0002, frame.channels as u16);
    text(&mut file, (0x28, 4), b"CS", if frame.channels == 1 { "MONOCHROME2" } else { "YBR_FULL" });
    let rest =
        [(0x10, frame.rows as u16), (0x11, frame.columns as u16), (0x100, bits), (0x101, bits), (0x102, bits - 1)];
    for (element, value) in rest.into_iter().chain([(0x103, 0)]) {
        number(&mut file, element, value);
    }
    file.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0");
    file.extend((packed.len().next_multiple_of(2) as u32).to_le_bytes());
    file.extend(packed);
    file.resize(file.len() + packed.len() % 2, 0);
    file.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    file
}

fn text(file: &mut Vec<u8>, (group, element): (u16, u16), vr: &[u8; 2], value: &str) {
    file.extend([group.to_le_bytes(), element.to_le_bytes(), *vr].as_flattened());
    file.extend((value.len().next_multiple_of(2) as u16).to_le_bytes());
    file.extend(value.bytes());
    file.resize(file.len() + value.len() % 2, 0);
}

fn number(file: &mut Vec<u8>, element: u16, value: u16) {
    file.extend([[0x28, 0], element.to_le_bytes(), *b"US", [2, 0], value.to_le_bytes()].as_flattened());
}
