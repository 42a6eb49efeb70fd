//! Frames in RLE (PS3.5 annex G): a plane for each byte of each sample, the most significant first.
//!
//! Written here because the decoder of `dicom-pixeldata` 0.10 panics on tables and planes that are too short.

use super::Fault;
use super::frame::Frame;

/// A frame's bytes: `[row, column, channel]`, little endian.
pub(super) fn decoded(frame: &Frame, packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let word = |i: usize| match packed.get(4 * i..4 * i + 4) {
        Some(&[a, b, c, d]) => Ok(u32::from_le_bytes([a, b, c, d]) as usize),
        _ => Err(Fault::Truncated),
    };
    let planes = frame.channels * frame.width;
    let is = word(0)?;
    if is != planes {
        return Err(Fault::Reason(format!("its RLE frame has {is} plane(s), and its samples need {planes}")));
    }
    let mut bytes = vec![0; frame.bytes()];
    for plane in 0..planes {
        let end = if plane + 1 < planes { word(plane + 2)? } else { packed.len() };
        let segment = packed.get(word(plane + 1)?..end).ok_or(Fault::Truncated)?;
        let (channel, byte) = (plane / frame.width, frame.width - 1 - plane % frame.width);
        unpack(segment, bytes.iter_mut().skip(channel * frame.width + byte).step_by(planes))?;
    }
    Ok(bytes)
}

/// PackBits (PS3.5 G.3.1) until the plane is full; what follows is padding.
fn unpack<'a>(mut packed: &[u8], mut plane: impl ExactSizeIterator<Item = &'a mut u8>) -> Result<(), Fault> {
    while plane.len() > 0 {
        let [control, rest @ ..] = packed else { return Err(Fault::Truncated) };
        let control = *control as i8;
        let (count, used) = match control {
            -128 => (0, 0),
            0.. => (control as usize + 1, control as usize + 1),
            _ => (1 + usize::from(control.unsigned_abs()), 1),
        };
        let values = rest.get(..used).ok_or(Fault::Truncated)?;
        for (target, value) in plane.by_ref().take(count).zip(values.iter().cycle()) {
            *target = *value;
        }
        packed = rest.get(used..).unwrap_or_default();
    }
    Ok(())
}
