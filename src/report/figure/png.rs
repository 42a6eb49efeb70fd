//! PNG and base64, with the same bytes each time.

use crate::report::ReportError;

/// Density of the PNG: two pixels per CSS pixel of 1/96 inch, in pixels per metre.
const PIXELS_PER_METRE: u32 = 7559;

/// `rgb`: `[height, width, 3]`. `provenance` becomes a tEXt chunk.
pub fn encode(width: u32, height: u32, rgb: &[u8], provenance: Option<&str>) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(provenance) = provenance {
        let dimensions =
            png::PixelDimensions { xppu: PIXELS_PER_METRE, yppu: PIXELS_PER_METRE, unit: png::Unit::Meter };
        encoder.set_pixel_dims(Some(dimensions));
        // tEXt holds Latin-1 only.
        let provenance: String = provenance.chars().map(|c| if (c as u32) < 256 { c } else { '?' }).collect();
        encoder.add_text_chunk("Provenance".to_owned(), provenance).map_err(ReportError::draw)?;
    }
    let mut writer = encoder.write_header().map_err(ReportError::draw)?;
    writer.write_image_data(rgb).map_err(ReportError::draw)?;
    writer.finish().map_err(ReportError::draw)?;
    Ok(bytes)
}

/// RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let index = (group >> (18 - 6 * i) & 63) as usize;
            out.push(if i <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    /// The test vectors of RFC 4648, section 10.
    #[test]
    fn base64_of_the_rfc() {
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in vectors.iter().enumerate() {
            assert_eq!(super::base64(&b"foobar"[..length]), *expected);
        }
    }
}
