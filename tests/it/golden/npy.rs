//! Reads the NumPy files of the golden set (format 1.0, little endian, C order).

use std::path::Path;

fn parse(path: &Path) -> (String, Vec<usize>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(&bytes[..6], b"\x93NUMPY", "{}", path.display());
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
    let between = |from: &str, to: char| header.split_once(from).unwrap().1.split(to).next().unwrap().to_owned();
    let shape = between("'shape': (", ')').split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (between("'descr': '", '\''), shape, bytes[10 + length..].to_vec())
}

/// Shape and values of a `<f8` array.
pub fn read_f64(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let (descr, shape, data) = parse(path);
    assert_eq!(descr, "<f8", "{}", path.display());
    (shape, data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect())
}

/// Shape and values of a `|u1` array.
pub fn read_u8(path: &Path) -> (Vec<usize>, Vec<u8>) {
    let (descr, shape, data) = parse(path);
    assert_eq!(descr, "|u1", "{}", path.display());
    (shape, data)
}

/// Shape and values of a `<i2` array.
pub fn read_i16(path: &Path) -> (Vec<usize>, Vec<i16>) {
    let (descr, shape, data) = parse(path);
    assert_eq!(descr, "<i2", "{}", path.display());
    (shape, data.chunks_exact(2).map(|b| i16::from_le_bytes(b.try_into().unwrap())).collect())
}

/// Shape and values of a `<u2` array.
pub fn read_u16(path: &Path) -> (Vec<usize>, Vec<u16>) {
    let (descr, shape, data) = parse(path);
    assert_eq!(descr, "<u2", "{}", path.display());
    (shape, data.chunks_exact(2).map(|b| u16::from_le_bytes(b.try_into().unwrap())).collect())
}
