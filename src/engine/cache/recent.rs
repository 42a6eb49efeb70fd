use super::file::read_if_whole;
use super::stat::Stat;
use super::{Store, lock_anyway, seal, write_atomic};
use crate::digest::{Digest, Entry, Listing};
use crate::engine::EngineError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What the last run of a pipeline found in the store, so that the next needn't read and check thousands of records
/// and listings: it asks by `stat` whether they are still the files that were checked. One file a pipeline in
/// `recent/`; any of it may be thrown away at any time, for `actions/` and `objects/` are what counts.
#[derive(Default)]
pub(super) struct Recent {
    records: HashMap<Digest, Arc<Known>>,
    listings: HashMap<Digest, (Stat, Arc<Listing>)>,
    pipelines: BTreeMap<String, Stages>,
}

/// A record that was checked.
#[derive(Debug, Clone)]
struct Known {
    stat: Stat,
    outputs: BTreeMap<String, Digest>,
    seconds: f64,
}

/// The keys of a pipeline's last successes.
struct Stages {
    keys: BTreeMap<String, Digest>,
    /// By this process.
    seen: BTreeMap<String, Digest>,
    changed: bool,
    saved: Instant,
}

/// Path, size and digest of a file of a listing.
type ListedFile = (String, u64, Digest);

/// The file of a pipeline.
#[derive(Default, Serialize, Deserialize)]
struct Page {
    keys: BTreeMap<String, Digest>,
    records: Vec<(Digest, Stat, BTreeMap<String, Digest>, f64)>,
    listings: Vec<(Digest, Stat, Vec<ListedFile>)>,
}

/// A folder with more files is quicker to read than this is worth.
const MOST_FILES: usize = 256;

/// Longer than a tick of the clock: a file that changed this shortly before could change again without a trace.
const TICK: Duration = Duration::from_millis(100);

/// How much of a long run a crash makes the next one read again.
const OFTEN: Duration = Duration::from_secs(5);

impl Store {
    /// The outputs of a key whose record and listings are the ones that were checked before, and whose objects are
    /// all there. `None` says nothing: [`Store::lookup`] does.
    pub fn known(&self, key: Digest) -> Option<BTreeMap<String, Digest>> {
        if self.paranoid {
            return None;
        }
        let known = lock_anyway(&self.recent).records.get(&key).cloned()?;
        let same = Stat::at(&self.action(key)) == Some(known.stat);
        let whole = |tree: &Digest| {
            let listing = self.known_listing(*tree);
            listing.is_some_and(|listing| listing.files.iter().all(|file| self.has_object(file.sha256, file.size)))
        };
        (same && known.outputs.values().all(whole)).then(|| known.outputs.clone())
    }

    /// A listing that was checked before, if its object is still the same file.
    pub(super) fn known_listing(&self, tree: Digest) -> Option<Arc<Listing>> {
        if self.paranoid {
            return None;
        }
        let (stat, listing) = lock_anyway(&self.recent).listings.get(&tree).cloned()?;
        (Stat::at(&self.object(tree)) == Some(stat)).then_some(listing)
    }

    /// Seconds that each stage of a pipeline took when it last ran, as far as they are known.
    pub fn last_seconds(&self, pipeline: &str) -> BTreeMap<String, f64> {
        self.recall(pipeline);
        let recent = lock_anyway(&self.recent);
        let Some(stages) = recent.pipelines.get(pipeline) else { return BTreeMap::new() };
        let seconds = |(id, key): (&String, &Digest)| Some((id.clone(), recent.records.get(key)?.seconds));
        stages.keys.iter().filter_map(seconds).collect()
    }

    /// Reads what is remembered of a pipeline, once.
    pub(crate) fn recall(&self, pipeline: &str) {
        if lock_anyway(&self.recent).pipelines.contains_key(pipeline) {
            return;
        }
        let page: Page = read_if_whole(&self.page(pipeline)).unwrap_or_default();
        let mut recent = lock_anyway(&self.recent);
        for (key, stat, outputs, seconds) in page.records {
            recent.records.entry(key).or_insert_with(|| Arc::new(Known { stat, outputs, seconds }));
        }
        for (tree, stat, files) in page.listings {
            let entry = |(path, size, sha256)| Entry { path, size, sha256 };
            let listing = || Listing { files: files.into_iter().map(entry).collect() };
            recent.listings.entry(tree).or_insert_with(|| (stat, Arc::new(listing())));
        }
        let stages = Stages { keys: page.keys, seen: BTreeMap::new(), changed: false, saved: Instant::now() };
        recent.pipelines.insert(pipeline.to_owned(), stages);
    }

    /// Remembers a record that was checked, or written: `stat` is of the file that holds it.
    pub(super) fn learn_record(&self, record: &super::Record, stat: Stat) {
        let known = Known { stat, outputs: record.outputs.clone(), seconds: record.seconds };
        let mut recent = lock_anyway(&self.recent);
        recent.records.insert(record.key, Arc::new(known));
        recent.pipelines.values_mut().for_each(|stages| stages.changed = true);
    }

    pub(super) fn learn_listing(&self, tree: Digest, stat: Stat, listing: &Arc<Listing>) {
        if listing.files.len() <= MOST_FILES {
            lock_anyway(&self.recent).listings.insert(tree, (stat, Arc::clone(listing)));
        }
    }

    /// Notes a stage's success. Whether that was news.
    pub(super) fn note_success(&self, pipeline: &str, node: &str, key: Digest) -> Result<bool, EngineError> {
        self.recall(pipeline);
        let mut recent = lock_anyway(&self.recent);
        let Some(stages) = recent.pipelines.get_mut(pipeline) else { return Ok(true) };
        let news = stages.keys.get(node) != Some(&key);
        if news {
            stages.keys.insert(node.to_owned(), key);
            stages.seen.insert(node.to_owned(), key);
            stages.changed = true;
        }
        let due = stages.changed && stages.saved.elapsed() > OFTEN;
        drop(recent);
        if due {
            self.save_recent()?;
        }
        Ok(news)
    }

    pub(super) fn save_recent(&self) -> Result<(), EngineError> {
        let mut recent = lock_anyway(&self.recent);
        let mut pages = Vec::new();
        for (pipeline, stages) in recent.pipelines.iter_mut().filter(|(_, stages)| stages.changed) {
            stages.changed = false;
            stages.saved = Instant::now();
            // Another runner may have saved meanwhile.
            let mut keys = stages.keys.clone();
            if let Some(other) = read_if_whole::<Page>(&self.page(pipeline)) {
                keys.extend(other.keys);
                keys.extend(stages.seen.clone());
            }
            pages.push((self.page(pipeline), keys));
        }
        let pages: Vec<(PathBuf, Page)> = pages.into_iter().map(|(path, keys)| (path, recent.write(keys))).collect();
        drop(recent);
        for (path, page) in pages {
            write_atomic(&path, &seal(&page).map_err(EngineError::io("write", &path))?, false)?;
        }
        Ok(())
    }

    fn page(&self, pipeline: &str) -> PathBuf {
        self.root.join("recent").join(format!("{}.json", Digest::of_bytes(pipeline.as_bytes())))
    }
}

impl Recent {
    /// Without what might have changed again within the tick in which it was checked.
    fn write(&self, keys: BTreeMap<String, Digest>) -> Page {
        let now = SystemTime::now();
        let mut page = Page::default();
        let mut trees = std::collections::BTreeSet::new();
        for key in keys.values() {
            let Some(known) = self.records.get(key).filter(|known| known.stat.settled(TICK, now)) else { continue };
            page.records.push((*key, known.stat, known.outputs.clone(), known.seconds));
            trees.extend(known.outputs.values().copied());
        }
        for tree in trees {
            let Some((stat, listing)) = self.listings.get(&tree).filter(|(stat, _)| stat.settled(TICK, now)) else {
                continue;
            };
            let files = listing.files.iter().map(|file| (file.path.clone(), file.size, file.sha256));
            page.listings.push((tree, *stat, files.collect()));
        }
        page.keys = keys;
        page
    }
}
