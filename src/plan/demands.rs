use super::fault::{Fault, PlanError};
use super::resolve::Instance;
use crate::contract::Demands;
use crate::spec::{Located, Tree, Value};
use std::time::Duration;

const RESOURCES: [&str; 3] = ["cpus", "memory", "gpus"];

/// What an entry asks of the scheduler at one point of the matrix.
pub(super) fn demands(at: &Instance) -> Result<Demands, PlanError> {
    let mut demands = Demands::default();
    for (key, tree) in &at.entry.demands {
        let tree = at.expand(tree)?;
        match *key {
            "resources" => resources(at, &tree, &mut demands)?,
            "timeout" => {
                demands.timeout = Some(read(at, key, "a time such as `90 s`, `20 min` or `2 h`", &tree, time)?)
            }
            "retries" => demands.retries = read(at, key, "a whole number from 0", &tree, |text| text.parse().ok())?,
            _ => demands.priority = read(at, key, "a whole number", &tree, |text| text.parse().ok())?,
        }
    }
    Ok(demands)
}

fn resources(at: &Instance, tree: &Tree, demands: &mut Demands) -> Result<(), PlanError> {
    let Value::Map(entries) = &tree.value else {
        return Err(fault(at, "resources", "a mapping", tree));
    };
    for (name, tree) in entries {
        let key = format!("resources.{name}");
        match name.text.as_str() {
            "cpus" => demands.cpus = Some(read(at, &key, "a whole number from 1", tree, count_from_one)?),
            "gpus" => demands.gpus = read(at, &key, "a whole number from 0", tree, |text| text.parse().ok())?,
            "memory" => demands.memory = read(at, &key, "a size such as `512 MiB` or `6 GiB`", tree, size)?,
            _ => {
                let known = RESOURCES.map(str::to_owned).to_vec();
                let fault = Fault::UnknownResource { entry: at.entry.name.text.clone(), key: name.text.clone(), known };
                return Err(Located::new(&name.mark, fault));
            }
        }
    }
    Ok(())
}

fn read<T>(
    at: &Instance,
    key: &str,
    expected: &'static str,
    tree: &Tree,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, PlanError> {
    tree.scalar().and_then(|text| parse(&text)).ok_or_else(|| fault(at, key, expected, tree))
}

fn fault(at: &Instance, key: &str, expected: &'static str, tree: &Tree) -> PlanError {
    let found = tree.scalar().map_or_else(|| tree.kind().to_owned(), |text| format!("`{text}`"));
    Located::new(&tree.mark, Fault::Demand { entry: at.entry.name.text.clone(), key: key.to_owned(), expected, found })
}

fn count_from_one(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count > 0)
}

/// A number and its unit, e.g. `1.5 h`.
fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    Some(number * factor).filter(|value| value.is_finite() && *value > 0.0)
}

/// `90 s`, `20 min`, `2 h`, `1 d`.
fn time(text: &str) -> Option<Duration> {
    let units = [("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86400.0)];
    Duration::try_from_secs_f64(quantity(text, &units)?).ok()
}

/// `512 MiB`, `6 GiB`, `6 GB`: bytes.
pub fn size(text: &str) -> Option<u64> {
    let (kib, kb) = (1024_f64, 1000_f64);
    let units = [
        ("KiB", kib),
        ("MiB", kib.powi(2)),
        ("GiB", kib.powi(3)),
        ("TiB", kib.powi(4)),
        ("KB", kb),
        ("MB", kb.powi(2)),
        ("GB", kb.powi(3)),
        ("TB", kb.powi(4)),
    ];
    quantity(text, &units).map(|bytes| bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("90 s"), Some(Duration::from_secs(90)));
        assert_eq!(time("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!((time("90"), time("-1 s"), time("2 weeks")), (None, None, None));
        assert_eq!(size("1.5 GiB"), Some(3 << 29));
        assert_eq!(size("2 MB"), Some(2_000_000));
        assert_eq!((size("lots"), size("7"), size("1e400 GiB")), (None, None, None));
    }
}
