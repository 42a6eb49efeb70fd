//! The pixels of one frame (PS3.3 C.7.6.3, PS3.5 chapter 8).

use super::super::content::{LIMIT, RATIO};
use super::elements::{Elements, Pixels, Tag};
use super::syntax::{Coding, Syntax, inflated};
use super::{Fault, jpeg, run_length};
use std::borrow::Cow;

/// How a frame is laid out.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) channels: usize,
    photometric: String,
    /// Bytes of a sample, 1 or 2.
    pub(super) width: usize,
    stored: u32,
    high: u32,
    signed: bool,
    planar: bool,
}

impl Frame {
    pub(super) fn new(elements: &Elements) -> Result<Self, Fault> {
        if elements.pixels.is_none() {
            return Err(Fault::reason("it has no pixels"));
        }
        if let Some(frames) = elements.text(Tag::Frames).filter(|frames| frames.parse() != Ok(1)) {
            let frames = frames.escape_debug();
            return Err(Fault::Reason(format!("it has {frames} frames; files of one slice each are read here")));
        }
        if elements.has(Tag::ModalityLut) {
            return Err(Fault::reason("its values go through a modality look-up table, which is not read here"));
        }
        let allocated = elements.needed(Tag::BitsAllocated)?;
        let stored = elements.number(Tag::BitsStored)?.unwrap_or(allocated);
        let high = elements.number(Tag::HighBit)?.unwrap_or(stored.saturating_sub(1));
        let is_bits = matches!(allocated, 8 | 16) && (1..=allocated).contains(&stored);
        if !is_bits || high >= allocated || high + 1 < stored {
            let bits = format!("{allocated} bits allocated, {stored} stored, the highest {high}");
            return Err(Fault::Reason(format!("its samples have {bits}; 8 or 16 allocated are read here")));
        }
        let frame = Frame {
            rows: elements.needed(Tag::Rows)?.into(),
            columns: elements.needed(Tag::Columns)?.into(),
            channels: elements.number(Tag::SamplesPerPixel)?.unwrap_or(1).into(),
            photometric: elements.text(Tag::Photometric).unwrap_or_else(|| "MONOCHROME2".to_owned()),
            width: usize::from(allocated / 8),
            stored: stored.into(),
            high: high.into(),
            signed: elements.number(Tag::Signed)?.unwrap_or(0) == 1,
            planar: elements.number(Tag::Planar)?.unwrap_or(0) == 1,
        };
        frame.check()?;
        Ok(frame)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.rows == 0 || self.columns == 0 {
            return Err(Fault::Reason(format!("its size is {} x {} (rows x columns)", self.rows, self.columns)));
        }
        match (self.channels, self.photometric.as_str()) {
            (1, "MONOCHROME1" | "MONOCHROME2") | (3, "RGB" | "YBR_FULL" | "YBR_FULL_422") => {}
            (channels, kind) => {
                let kind = kind.escape_debug();
                return Err(Fault::Reason(format!("its pixels are {kind} with {channels} sample(s), not grey or RGB")));
            }
        }
        let bytes = self.bytes() as u128;
        if bytes > LIMIT { Err(Fault::TooLarge { bytes, limit: LIMIT }) } else { Ok(()) }
    }

    /// Bytes of the frame when unpacked; sides and channels are small numbers, so this can't overflow.
    pub(super) fn bytes(&self) -> usize {
        self.rows * self.columns * self.channels * self.width
    }

    /// Stored values, `[row, column, channel]`.
    pub(super) fn stored(&self, elements: &Elements, syntax: Syntax) -> Result<Vec<i32>, Fault> {
        let bytes = match (&elements.pixels, syntax.coding) {
            (Some(Pixels::Plain(bytes)), Coding::Plain) => Cow::Borrowed(*bytes),
            (Some(Pixels::Fragments(parts)), coding) if coding != Coding::Plain => {
                Cow::Owned(self.unpacked(&parts.concat(), syntax)?)
            }
            _ => {
                return Err(Fault::Reason(format!("its pixels are not packed as transfer syntax {} says", syntax.uid)));
            }
        };
        self.check_length(bytes.len())?;
        let is_ybr = self.photometric.starts_with("YBR");
        if is_ybr != (syntax.coding == Coding::Jpeg) && self.channels > 1 {
            let kind = &self.photometric;
            return Err(Fault::Reason(format!("its colours are {kind}; RGB, or YBR in JPEG, is read here")));
        }
        let interleaved = matches!(syntax.coding, Coding::Rle | Coding::Jpeg);
        Ok(self.values(&bytes, self.planar && !interleaved))
    }

    /// Exactly the frame, or one byte more (elements have an even length).
    fn check_length(&self, length: usize) -> Result<(), Fault> {
        let (Frame { rows, columns, .. }, needed) = (self, self.bytes());
        if length == needed || length == needed + needed % 2 {
            return Ok(());
        }
        Err(Fault::Reason(format!("its pixels have {length} bytes, but {rows} x {columns} needs {needed}")))
    }

    fn values(&self, bytes: &[u8], planar: bool) -> Vec<i32> {
        let pixels = self.rows * self.columns;
        let index = |i: usize| if planar { i % self.channels * pixels + i / self.channels } else { i };
        let raw = |i: usize| match self.width {
            1 => bytes.get(i).copied().map_or(0, u32::from),
            _ => bytes.get(2 * i..2 * i + 2).map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]]))),
        };
        (0..pixels * self.channels).map(|i| self.value(raw(index(i)))).collect()
    }

    /// The stored bits of a sample; others (overlays of old) are dropped.
    fn value(&self, raw: u32) -> i32 {
        let top = raw << (31 - self.high);
        let shift = 32 - self.stored;
        if self.signed { (top as i32) >> shift } else { (top >> shift) as i32 }
    }

    fn unpacked(&self, packed: &[u8], syntax: Syntax) -> Result<Vec<u8>, Fault> {
        let (bytes, limit) = (self.bytes() as u128, packed.len() as u128 * RATIO);
        if bytes > limit {
            return Err(Fault::TooLarge { bytes, limit });
        }
        match syntax.coding {
            Coding::Plain | Coding::Encapsulated => Ok(packed.to_vec()),
            Coding::DeflatedFrame => inflated(packed, bytes + bytes % 2),
            Coding::Rle => run_length::decoded(self, packed),
            Coding::Jpeg => jpeg::decoded(self, packed, syntax.uid),
        }
    }
}
