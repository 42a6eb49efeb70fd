//! Ages and sizes as people type them.

use std::time::Duration;

/// `90m`, `12h`, `30d`, `2w`.
pub fn age(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let seconds = amount(text, &units).ok_or("an age is a number with one of s, m, h, d, w: 12h, 30d")?;
    Ok(Duration::from_secs(seconds))
}

/// `500MB`, `20GiB`, `1.5 TiB`, `1000`.
pub fn size(text: &str) -> Result<u64, String> {
    let units = [
        ("", 1),
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
    ];
    amount(text, &units).ok_or_else(|| "a size is a number of bytes, or one with MB, MiB, GB, GiB, …: 20GiB".to_owned())
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let &(_, unit) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let value = number.parse::<f64>().ok()? * unit as f64;
    (value.is_finite() && value < u64::MAX as f64).then_some(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("1.5 h"), Ok(Duration::from_secs(5400)));
        assert_eq!(size("20GiB"), Ok(20 << 30));
        assert_eq!(size("500 MB"), Ok(500_000_000));
        assert_eq!(size("1000"), Ok(1000));
        for wrong in ["", "d", "-3d", "3y", "1e99999d"] {
            assert!(age(wrong).is_err() && size(wrong).is_err(), "{wrong}");
        }
        assert!(age("30").is_err(), "an age without a unit could mean anything");
    }
}
