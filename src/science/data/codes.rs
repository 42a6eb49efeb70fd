//! From the codes of a mask file to class labels.

use super::{DataError, Place, UNLABELLED};
use std::collections::BTreeMap;

/// Classes of codes: `(first, last, label)`, ends included.
pub(super) type CodeTable = [(i64, i64, u8)];

/// One label a code. Codes of no class are counted, all of them, and said with what there is (`known`).
pub(super) fn labels(place: &Place, codes: &[i64], table: &CodeTable, known: &str) -> Result<Vec<u8>, DataError> {
    let label = |code: i64| table.iter().find(|(first, last, _)| (*first..=*last).contains(&code)).map(|row| row.2);
    let mut strange: BTreeMap<i64, usize> = BTreeMap::new();
    let mut last = (0, label(0));
    let labels = codes.iter().map(|&code| {
        // Neighbours mostly have one code.
        if code != last.0 {
            last = (code, label(code));
        }
        last.1.unwrap_or_else(|| {
            *strange.entry(code).or_default() += 1;
            UNLABELLED
        })
    });
    let labels: Vec<u8> = labels.collect();
    if strange.is_empty() {
        return Ok(labels);
    }
    Err(DataError::Codes { place: place.clone(), found: listed(&strange), known: known.to_owned() })
}

/// `code 7 (12 pixels), 9 (1 pixel) and 3 other codes (80 pixels)`
fn listed(strange: &BTreeMap<i64, usize>) -> String {
    const SHOWN: usize = 8;
    let pixels = |count: usize| if count == 1 { "1 pixel".to_owned() } else { format!("{count} pixels") };
    let shown = strange.iter().take(SHOWN).map(|(code, &count)| format!("{} ({})", name(*code), pixels(count)));
    let mut text = format!("code {}", shown.collect::<Vec<_>>().join(", "));
    let others = strange.len().saturating_sub(SHOWN);
    if others > 0 {
        let count = strange.values().skip(SHOWN).sum();
        text.push_str(&format!(" and {others} other codes ({})", pixels(count)));
    }
    text
}

/// Marks a code as a colour, so that `#000005` isn't 5.
pub(super) const COLOUR: i64 = 1 << 24;

/// As it is written in a data set's file: a number, or `#rrggbb`.
pub(super) fn name(code: i64) -> String {
    if code >= COLOUR { format!("#{:06x}", code - COLOUR) } else { code.to_string() }
}

/// Whole numbers of a mask that was read as numbers; others are a fault.
pub(super) fn whole(place: &Place, values: &[f32]) -> Result<Vec<i64>, DataError> {
    match values.iter().find(|x| x.fract() != 0.0) {
        None => Ok(values.iter().map(|&x| x as i64).collect()),
        Some(value) => {
            let count = values.iter().filter(|x| x.fract() != 0.0).count();
            let reason = format!("{count} pixels are no whole numbers ({value}, ..), so that this is no mask");
            Err(DataError::Unfit { place: place.clone(), reason })
        }
    }
}
