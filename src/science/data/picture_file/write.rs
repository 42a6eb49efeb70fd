use png::{BitDepth, ColorType, Encoder, EncodingError};

/// A mask as a PNG with a palette: pixels are indices into `palette` (red, green and blue), which has at most 256.
/// `indices`: `[row, column]`.
pub fn mask(rows: usize, columns: usize, indices: &[u8], palette: &[[u8; 3]]) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, columns as u32, rows as u32);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.as_flattened());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(indices)?;
    writer.finish()?;
    Ok(bytes)
}
