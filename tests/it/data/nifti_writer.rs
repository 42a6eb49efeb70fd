//! Small NIfTI-1 and NIfTI-2 files, byte by byte.

/// An image of 3 columns and 2 rows, to be altered.
#[derive(Clone)]
pub struct Writer {
    pub second: bool,
    pub big: bool,
    /// The rank, then the sides: columns, rows, slices.
    pub dim: [i64; 8],
    pub datatype: i16,
    pub pixdim: [f64; 4],
    pub slope: [f64; 2],
    pub units: u8,
    pub offset: i64,
    pub voxels: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer {
            second: false,
            big: false,
            dim: [2, 3, 2, 1, 1, 1, 1, 1],
            datatype: 2,
            pixdim: [1.0, 0.75, 1.25, 8.0],
            slope: [0.0; 2],
            units: 2,
            offset: 0,
            voxels: vec![1, 2, 3, 4, 5, 250],
        }
    }
}

impl Writer {
    pub fn file(&self) -> Vec<u8> {
        let mut file = vec![0; if self.second { 540 } else { 348 }];
        self.put(&mut file, 0, if self.second { 540i32.to_le_bytes() } else { 348i32.to_le_bytes() });
        let offset = if self.offset == 0 { file.len() as i64 + 4 } else { self.offset };
        let [slope, inter] = self.slope;
        if self.second {
            file[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
            self.put(&mut file, 12, self.datatype.to_le_bytes());
            (0..8).for_each(|i| self.put(&mut file, 16 + 8 * i, self.dim[i].to_le_bytes()));
            (0..4).for_each(|i| self.put(&mut file, 104 + 8 * i, self.pixdim[i].to_le_bytes()));
            self.put(&mut file, 168, offset.to_le_bytes());
            self.put(&mut file, 176, slope.to_le_bytes());
            self.put(&mut file, 184, inter.to_le_bytes());
            self.put(&mut file, 500, i32::from(self.units).to_le_bytes());
        } else {
            (0..8).for_each(|i| self.put(&mut file, 40 + 2 * i, (self.dim[i] as i16).to_le_bytes()));
            self.put(&mut file, 70, self.datatype.to_le_bytes());
            (0..4).for_each(|i| self.put(&mut file, 76 + 4 * i, (self.pixdim[i] as f32).to_le_bytes()));
            self.put(&mut file, 108, (offset as f32).to_le_bytes());
            self.put(&mut file, 112, (slope as f32).to_le_bytes());
            self.put(&mut file, 116, (inter as f32).to_le_bytes());
            file[123] = self.units;
            file[344..348].copy_from_slice(b"n+1\0");
        }
        file.extend([0; 4]);
        file.extend(&self.voxels);
        file
    }

    fn put<const N: usize>(&self, file: &mut [u8], at: usize, mut little: [u8; N]) {
        if self.big {
            little.reverse();
        }
        file[at..at + N].copy_from_slice(&little);
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
