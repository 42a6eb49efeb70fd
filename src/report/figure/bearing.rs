//! Left side bearings of the bundled font's glyphs, from its tables `cmap` and `hmtx` (OpenType specification).
//!
//! Plotters' raster sets each glyph's ink where its origin belongs; the pen adds what is missing between them.

use super::canvas::FONT_BYTES;

/// Units of the font per em, as in its table `head`.
const PER_EM: f64 = 2048.0;
/// Bytes of the font's header, and of an entry of its list of tables.
const HEADER: (usize, usize) = (12, 16);

/// From the origin of a glyph to its ink, in em; 0 for a character that the font lacks.
pub fn bearing(c: char) -> f64 {
    units(c).map_or(0.0, |units| f64::from(units) / PER_EM)
}

fn units(c: char) -> Option<i16> {
    let glyph = glyph(table(b"cmap")?, u32::from(c))? as usize;
    let metrics = table(b"hmtx")?;
    let full = usize::from(u16_at(table(b"hhea")?, 34)?);
    // Pairs of advance and bearing; then, for glyphs of the last advance, bearings alone.
    let at = if glyph < full { 4 * glyph + 2 } else { 2 * (full + glyph) };
    u16_at(metrics, at).map(u16::cast_signed)
}

fn table(tag: &[u8; 4]) -> Option<&'static [u8]> {
    let count = usize::from(u16_at(FONT_BYTES, 4)?);
    let entry = (0..count).map(|i| HEADER.0 + HEADER.1 * i).find(|at| FONT_BYTES.get(*at..at + 4) == Some(tag))?;
    let (start, length) = (u32_at(FONT_BYTES, entry + 8)? as usize, u32_at(FONT_BYTES, entry + 12)? as usize);
    FONT_BYTES.get(start..start + length)
}

/// By the table's list of ranges (format 12): first and last character, glyph of the first.
fn glyph(cmap: &[u8], c: u32) -> Option<u32> {
    let count = usize::from(u16_at(cmap, 2)?);
    let starts = (0..count).filter_map(|i| u32_at(cmap, 8 + 8 * i)).map(|start| start as usize);
    let ranges = starts.into_iter().find(|start| u16_at(cmap, *start) == Some(12))?;
    (0..u32_at(cmap, ranges + 12)? as usize).find_map(|i| {
        let at = ranges + 16 + 12 * i;
        let (first, last) = (u32_at(cmap, at)?, u32_at(cmap, at + 4)?);
        (first..=last).contains(&c).then_some(u32_at(cmap, at + 8)? + c.checked_sub(first)?)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As fontTools reads them.
    #[test]
    fn bearings_of_the_font() {
        assert_eq!(['T', 'r', 'j', '✓', '%'].map(units), [-6, 186, -37, 307, 113].map(Some));
        assert_eq!(bearing('\u{10ffff}'), 0.0);
    }
}
