use super::GcOptions;
use crate::digest::Digest;
use crate::engine::cache::Record;
use crate::engine::cache::history::StageName;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A record with what is known of its use.
pub(super) struct Held {
    pub record: Record,
    pub stages: BTreeSet<StageName>,
    /// Seconds since 1970: the latest of its making, its writing and its uses.
    pub last: u64,
    /// When its file was written: decides among those used in the same second.
    pub written: Duration,
    /// `latest/` points to it.
    pub latest: bool,
}

/// Output tree → its objects, with their bytes.
#[derive(Default)]
pub(super) struct Needs(pub BTreeMap<Digest, BTreeMap<Digest, u64>>);

impl Needs {
    pub fn of(&self, record: &Record) -> BTreeMap<Digest, u64> {
        let trees = record.outputs.values().filter_map(|tree| self.0.get(tree));
        trees.flatten().map(|(digest, bytes)| (*digest, *bytes)).collect()
    }
}

pub(super) struct Choice {
    pub going: BTreeSet<Digest>,
    /// What the store takes without them.
    pub bytes: u64,
    pub of_no_known_stage: u64,
}

/// `beside`: bytes of the store that are not objects.
pub(super) fn choose(held: &[Held], needs: &Needs, options: &GcOptions, now: u64, beside: u64) -> Choice {
    let protected = protected(held, options.keep_last.unwrap_or(1));
    let mut free: Vec<&Held> = held.iter().filter(|held| !protected.contains(&held.record.key)).collect();
    free.sort_by_key(|held| (held.last, held.written, held.record.key));
    let mut going = BTreeSet::new();
    if let Some(age) = options.older_than {
        // A use in the future (a clock went backwards) is a use now.
        let old = free.iter().filter(|held| now.saturating_sub(held.last) > age.as_secs());
        going.extend(old.map(|held| held.record.key));
    }
    let mut of_no_known_stage = 0;
    if options.keep_last.is_some() && options.older_than.is_none() && options.max_size.is_none() {
        let (known, unknown): (Vec<&Held>, Vec<_>) = free.iter().partition(|held| !held.stages.is_empty());
        going.extend(known.iter().map(|held| held.record.key));
        of_no_known_stage = unknown.len() as u64;
    }
    let mut size = Shared::of(held.iter().filter(|held| !going.contains(&held.record.key)), needs, beside);
    if let Some(limit) = options.max_size {
        for held in free.iter().filter(|held| !going.contains(&held.record.key)).copied().collect::<Vec<_>>() {
            if size.bytes <= limit {
                break;
            }
            size.remove(&held.record, needs);
            going.insert(held.record.key);
        }
    }
    Choice { going, bytes: size.bytes, of_no_known_stage }
}

/// The last `keep` of each stage, and what `latest/` points to.
fn protected(held: &[Held], keep: usize) -> BTreeSet<Digest> {
    if keep == 0 {
        return BTreeSet::new();
    }
    let mut stages: BTreeMap<&StageName, Vec<&Held>> = BTreeMap::new();
    for record in held {
        record.stages.iter().for_each(|stage| stages.entry(stage).or_default().push(record));
    }
    let mut protected: BTreeSet<Digest> = held.iter().filter(|h| h.latest).map(|h| h.record.key).collect();
    for records in stages.values_mut() {
        records.sort_by_key(|held| Reverse((held.last, held.written, held.record.key)));
        protected.extend(records.iter().take(keep).map(|held| held.record.key));
    }
    protected
}

/// Bytes of objects that several records may need.
struct Shared {
    uses: BTreeMap<Digest, usize>,
    bytes: u64,
}

impl Shared {
    fn of<'a>(held: impl Iterator<Item = &'a Held>, needs: &Needs, beside: u64) -> Self {
        let mut shared = Shared { uses: BTreeMap::new(), bytes: beside };
        for (digest, bytes) in held.flat_map(|held| needs.of(&held.record)) {
            let uses = shared.uses.entry(digest).or_default();
            *uses += 1;
            shared.bytes += if *uses == 1 { bytes } else { 0 };
        }
        shared
    }

    fn remove(&mut self, record: &Record, needs: &Needs) {
        for (digest, bytes) in needs.of(record) {
            if let Some(uses) = self.uses.get_mut(&digest) {
                *uses -= 1;
                self.bytes -= if *uses == 0 { bytes } else { 0 };
            }
        }
    }
}
