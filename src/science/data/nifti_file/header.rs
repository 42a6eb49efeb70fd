//! The two headers (nifti1.h and nifti2.h of the NIfTI data format working group) by one table of offsets.

/// Size of a NIfTI-1 header.
pub(super) const SIZE_1: usize = 348;
/// Size of a NIfTI-2 header.
pub(super) const SIZE_2: usize = 540;
/// No side of an image is longer.
const SIDE: u64 = 1 << 40;

/// Where the fields lie. NIfTI-2 has wider numbers in another order.
struct Table {
    dim: usize,
    datatype: usize,
    pixdim: usize,
    vox_offset: usize,
    scl_slope: usize,
    units: usize,
    codes: usize,
    quatern: usize,
    srow: usize,
}

const TABLE_1: Table = Table {
    dim: 40,
    datatype: 70,
    pixdim: 76,
    vox_offset: 108,
    scl_slope: 112,
    units: 123,
    codes: 252,
    quatern: 256,
    srow: 280,
};
const TABLE_2: Table = Table {
    dim: 16,
    datatype: 12,
    pixdim: 104,
    vox_offset: 168,
    scl_slope: 176,
    units: 500,
    codes: 344,
    quatern: 352,
    srow: 400,
};

pub(super) struct Header<'a> {
    bytes: &'a [u8],
    table: Table,
    second: bool,
    /// Its numbers are big endian.
    pub(super) big: bool,
}

/// Whether a header starts as NIfTI-2 does, in either byte order.
pub(super) fn is_second(bytes: &[u8]) -> bool {
    let size = SIZE_2 as u32;
    bytes.starts_with(&size.to_le_bytes()) || bytes.starts_with(&size.to_be_bytes())
}

impl<'a> Header<'a> {
    /// The byte order is told by the header's size, its first number.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let second = is_second(bytes);
        let size = if second { SIZE_2 } else { SIZE_1 } as u32;
        let big = bytes.starts_with(&size.to_be_bytes());
        let (mark, at, version) = if second { ("n+2", 4, 2) } else { ("n+1", 344, 1) };
        let is = bytes.get(at..at + 4).unwrap_or_default();
        if is == b"ni1\0" || is == b"ni2\0" {
            return Err("it is half of a pair (.hdr with .img); convert it to a single .nii".to_owned());
        }
        if is != [mark.as_bytes(), &[0]].concat() {
            return Err(format!("it does not have the mark `{mark}` of a single-file NIfTI-{version} at byte {at}"));
        }
        if !big && !bytes.starts_with(&size.to_le_bytes()) {
            return Err("the size of its header is neither 348 nor 540".to_owned());
        }
        Ok(Header { bytes, table: if second { TABLE_2 } else { TABLE_1 }, second, big })
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array: [u8; N] = self.bytes.get(at..at + N).and_then(|b| b.try_into().ok()).unwrap_or([0; N]);
        if self.big {
            array.reverse();
        }
        array
    }

    fn short(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.array(at))
    }

    /// Item `i` of an array of floats, f32 or f64.
    fn float(&self, at: usize, i: usize) -> f64 {
        match self.second {
            true => f64::from_le_bytes(self.array(at + 8 * i)),
            false => f32::from_le_bytes(self.array(at + 4 * i)).into(),
        }
    }

    fn dim(&self, i: usize) -> i64 {
        match self.second {
            true => i64::from_le_bytes(self.array(self.table.dim + 8 * i)),
            false => self.short(self.table.dim + 2 * i).into(),
        }
    }

    /// Columns, rows and slices.
    pub(super) fn shape(&self) -> Result<[usize; 3], String> {
        let rank = self.dim(0);
        let sides: Vec<i64> = (1..=rank.clamp(0, 7)).map(|i| self.dim(i as usize)).collect();
        let side = |i: usize| sides.get(i).copied().unwrap_or(1);
        if !(2..=7).contains(&rank) || (4..7).any(|i| side(i) != 1) {
            return Err(format!("its sides are {sides:?}, and an image of 2 or 3 dimensions is needed"));
        }
        let sound = |i: usize| u64::try_from(side(i)).ok().filter(|n| (1..SIDE).contains(n)).map(|n| n as usize);
        match [sound(0), sound(1), sound(2)] {
            [Some(columns), Some(rows), Some(slices)] => Ok([columns, rows, slices]),
            _ => Err(format!("its sides are {sides:?}, and each must be at least 1")),
        }
    }

    /// Images over time, at least one.
    pub(super) fn frames(&self) -> usize {
        let frames = if self.dim(0) > 3 { self.dim(4) } else { 1 };
        usize::try_from(frames).unwrap_or(1).max(1)
    }

    pub(super) fn voxel(&self) -> Result<Voxel, String> {
        Voxel::new(self.short(self.table.datatype))
    }

    /// Bytes between the header and the voxels.
    pub(super) fn offset(&self) -> Result<u64, String> {
        let offset = match self.second {
            true => i64::from_le_bytes(self.array(self.table.vox_offset)) as f64,
            false => self.float(self.table.vox_offset, 0),
        };
        let size = self.bytes.len() as f64;
        match offset >= size && offset < 1e9 && offset.fract() == 0.0 {
            true => Ok((offset - size) as u64),
            false => Err(format!("its voxels start at byte {offset}")),
        }
    }

    pub(super) fn scaling(&self) -> (f64, f64) {
        (self.float(self.table.scl_slope, 0), self.float(self.table.scl_slope, 1))
    }

    fn pixdim(&self, i: usize) -> f64 {
        self.float(self.table.pixdim, i)
    }

    /// `[row, column]` in mm.
    pub(super) fn spacing(&self) -> [f64; 2] {
        [2, 1].map(|i| self.pixdim(i).abs() * self.millimetres())
    }

    /// From slice to slice in mm; none where the header does not say, or the image has no third side.
    pub(super) fn depth(&self) -> Option<f64> {
        let depth = self.pixdim(3).abs() * self.millimetres();
        (self.dim(0) > 2 && depth.is_finite() && depth > 0.0).then_some(depth)
    }

    /// In the unit of its lengths. An unknown unit is taken for mm, as everyone does.
    fn millimetres(&self) -> f64 {
        let units = match self.second {
            true => i32::from_le_bytes(self.array(self.table.units)),
            false => i32::from(self.array::<1>(self.table.units)[0]),
        };
        match units & 7 {
            1 => 1e3,
            3 => 1e-3,
            _ => 1.0,
        }
    }

    /// From (column, row, slice, 1) to x, y, z: method 3 (sform), else 2 (qform), else 1 of nifti1.h.
    pub(super) fn affine(&self) -> [[f64; 4]; 3] {
        let code = |i: usize| match self.second {
            true => i32::from_le_bytes(self.array(self.table.codes + 4 * i)),
            false => self.short(self.table.codes + 2 * i).into(),
        };
        let sides = [1, 2, 3].map(|i| self.pixdim(i).abs());
        match (code(0), code(1)) {
            (_, 1..) => std::array::from_fn(|row| std::array::from_fn(|i| self.float(self.table.srow, 4 * row + i))),
            (1.., _) => self.quaternion(sides),
            _ => std::array::from_fn(|row| std::array::from_fn(|i| if i == row { sides[i] } else { 0.0 })),
        }
    }

    fn quaternion(&self, [width, height, mut depth]: [f64; 3]) -> [[f64; 4]; 3] {
        let [b, c, d, x, y, z] = std::array::from_fn(|i| self.float(self.table.quatern, i));
        let a = (1.0 - (b * b + c * c + d * d)).max(0.0).sqrt();
        // qfac, which turns the slices' direction.
        if self.pixdim(0) < 0.0 {
            depth = -depth;
        }
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ];
        let [first, second, third] = rotation;
        let row = |[i, j, k]: [f64; 3], offset| [i * width, j * height, k * depth, offset];
        [row(first, x), row(second, y), row(third, z)]
    }
}

/// The type of a voxel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voxel {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Voxel {
    fn new(code: i16) -> Result<Self, String> {
        let refused = match code {
            2 => return Ok(Voxel::U8),
            4 => return Ok(Voxel::I16),
            8 => return Ok(Voxel::I32),
            16 => return Ok(Voxel::F32),
            64 => return Ok(Voxel::F64),
            256 => return Ok(Voxel::I8),
            512 => return Ok(Voxel::U16),
            768 => return Ok(Voxel::U32),
            1024 => return Ok(Voxel::I64),
            1280 => return Ok(Voxel::U64),
            32 | 1792 | 2048 => "complex numbers",
            128 | 2304 => "colours (RGB)",
            1 => "single bits",
            1536 => "numbers of 128 bits",
            _ => return Err(format!("its voxels are of type {code}, which does not exist")),
        };
        Err(format!("its voxels are {refused} (type {code}), and integers or floats of up to 64 bits are needed"))
    }

    pub(super) fn size(self) -> usize {
        match self {
            Voxel::U8 | Voxel::I8 => 1,
            Voxel::U16 | Voxel::I16 => 2,
            Voxel::U32 | Voxel::I32 | Voxel::F32 => 4,
            Voxel::U64 | Voxel::I64 | Voxel::F64 => 8,
        }
    }

    /// Whether its numbers are whole, and so finite.
    pub(super) fn is_whole(self) -> bool {
        !matches!(self, Voxel::F32 | Voxel::F64)
    }

    pub(super) fn values(self, raw: &[u8], big: bool, scale: impl Fn(f64) -> f32) -> Vec<f32> {
        match self {
            Voxel::U8 => numbers(raw, big, |b| scale(u8::from_le_bytes(b).into())),
            Voxel::I8 => numbers(raw, big, |b| scale(i8::from_le_bytes(b).into())),
            Voxel::U16 => numbers(raw, big, |b| scale(u16::from_le_bytes(b).into())),
            Voxel::I16 => numbers(raw, big, |b| scale(i16::from_le_bytes(b).into())),
            Voxel::U32 => numbers(raw, big, |b| scale(u32::from_le_bytes(b).into())),
            Voxel::I32 => numbers(raw, big, |b| scale(i32::from_le_bytes(b).into())),
            Voxel::U64 => numbers(raw, big, |b| scale(u64::from_le_bytes(b) as f64)),
            Voxel::I64 => numbers(raw, big, |b| scale(i64::from_le_bytes(b) as f64)),
            Voxel::F32 => numbers(raw, big, |b| scale(f32::from_le_bytes(b).into())),
            Voxel::F64 => numbers(raw, big, |b| scale(f64::from_le_bytes(b))),
        }
    }
}

fn numbers<const N: usize>(raw: &[u8], big: bool, value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let reversed = |mut bytes: [u8; N]| {
        bytes.reverse();
        bytes
    };
    let numbers = raw.as_chunks().0.iter().copied();
    if big { numbers.map(reversed).map(value).collect() } else { numbers.map(value).collect() }
}
