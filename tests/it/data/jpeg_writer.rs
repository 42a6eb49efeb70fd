//! The least of JPEG (ITU-T T.81) that a test needs: flat baseline blocks, and lossless grey of up to 16 bits.

/// Bits, the first highest, with a zero stuffed after each 0xff.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.pending = self.pending << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.pending as u8);
                if self.pending == 0xff {
                    self.bytes.push(0);
                }
                (self.pending, self.count) = (0, 0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        while self.count != 0 {
            self.push(1, 1);
        }
        self.bytes
    }
}

/// A difference: its category by a code of 5 bits (category = code), then its bits (F.1.2.1).
fn difference(bits: &mut Bits, difference: i32) {
    let category = 32 - difference.unsigned_abs().leading_zeros();
    bits.push(category, 5);
    if category < 16 {
        let value = if difference < 0 { difference - 1 } else { difference };
        bits.push(value as u32 & ((1 << category) - 1), category);
    }
}

fn segment(jpeg: &mut Vec<u8>, marker: u8, content: &[u8]) {
    jpeg.extend([0xff, marker]);
    jpeg.extend((content.len() as u16 + 2).to_be_bytes());
    jpeg.extend(content);
}

/// A table of codes of 5 bits for the symbols from 0 to the greatest.
fn table(jpeg: &mut Vec<u8>, class: u8, greatest: u8) {
    let mut content = vec![class, 0, 0, 0, 0, greatest + 1];
    content.resize(17, 0);
    content.extend(0..=greatest);
    segment(jpeg, 0xc4, &content);
}

fn frame(marker: u8, precision: u8, [rows, columns]: [u16; 2]) -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8];
    let sides = [rows.to_be_bytes(), columns.to_be_bytes()].concat();
    segment(&mut jpeg, marker, &[&[precision], &sides[..], &[1, 1, 0x11, 0]].concat());
    // A difference has up to 11 bits in baseline.
    table(&mut jpeg, 0x00, if marker == 0xc0 { 11 } else { 16 });
    jpeg
}

/// Lossless (process 14, selection value 1: the left neighbour predicts).
pub fn lossless(values: &[u16], [rows, columns]: [u16; 2], precision: u8) -> Vec<u8> {
    let mut jpeg = frame(0xc3, precision, [rows, columns]);
    segment(&mut jpeg, 0xda, &[1, 1, 0, 1, 0, 0]);
    let mut bits = Bits::default();
    let width = usize::from(columns);
    for (i, &value) in values.iter().enumerate() {
        let predicted = match (i % width, i / width) {
            (0, 0) => 1 << (precision - 1),
            (0, _) => values[i - width],
            _ => values[i - 1],
        };
        difference(&mut bits, i32::from(value.wrapping_sub(predicted) as i16));
    }
    jpeg.extend(bits.finish());
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

/// Baseline: a row of blocks of 8 x 8, each of one value.
pub fn blocks(values: &[u8]) -> Vec<u8> {
    let mut jpeg = frame(0xc0, 8, [8, 8 * values.len() as u16]);
    segment(&mut jpeg, 0xdb, &[&[0], &[8; 64][..]].concat());
    table(&mut jpeg, 0x10, 11);
    segment(&mut jpeg, 0xda, &[1, 1, 0, 0, 63, 0]);
    let mut bits = Bits::default();
    let mut before = 128;
    for &value in values {
        // A flat block of value v has the coefficient 8 (v - 128), here quantised by 8.
        difference(&mut bits, i32::from(value) - before);
        bits.push(0, 5);
        before = value.into();
    }
    jpeg.extend(bits.finish());
    jpeg.extend([0xff, 0xd9]);
    jpeg
}
