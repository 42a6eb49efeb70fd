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
    listings: HashMap<Digest, Listed>,
    /// Those whose pages were read, and whether there is more to remember since.
    pages: BTreeMap<String, bool>,
}

/// A listing that was checked.
struct Listed {
    stat: Stat,
    listing: Arc<Listing>,
    /// When `stat` was last found to be true of its object.
    looked: Option<Instant>,
}

/// A record that was checked.
#[derive(Debug, Clone)]
struct Known {
    stat: Stat,
    outputs: Outputs,
    took: Took,
}

/// What a stage took when it last ran.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Took {
    pub seconds: f64,
    /// In bytes, where it ran in a process of its own.
    pub peak_memory: Option<u64>,
}

impl Took {
    pub fn of(record: &super::Record) -> Self {
        Took { seconds: record.seconds, peak_memory: record.peak_memory }
    }
}

/// Path, size and digest of a file of a listing.
type ListedFile = (String, u64, Digest);

/// Port and digest; a map of one would take ten times the memory.
type Outputs = Box<[(String, Digest)]>;

/// The file of a pipeline.
#[derive(Default, Serialize, Deserialize)]
struct Page {
    records: Vec<(Digest, Stat, Outputs, Took)>,
    listings: Vec<(Digest, Stat, Vec<ListedFile>)>,
}

/// A folder with more files is quicker to read than this is worth.
const MOST_FILES: usize = 256;

/// Longer than a tick of the clock: a file that changed this shortly before could change again without a trace.
const TICK: Duration = Duration::from_millis(100);

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
        (same && known.outputs.iter().all(|(_, tree)| whole(tree))).then(|| known.outputs.iter().cloned().collect())
    }

    /// A listing that was checked before, if its object is still the same file.
    pub(super) fn known_listing(&self, tree: Digest) -> Option<Arc<Listing>> {
        if self.paranoid {
            return None;
        }
        let mut recent = lock_anyway(&self.recent);
        let listed = recent.listings.get_mut(&tree)?;
        // A run asks twice in a row: whether its stage is cached, and what to publish.
        if listed.looked.is_none_or(|looked| looked.elapsed() > TICK) {
            if Stat::at(&self.object(tree)) != Some(listed.stat) {
                return None;
            }
            listed.looked = Some(Instant::now());
        }
        Some(Arc::clone(&listed.listing))
    }

    /// What each stage of a pipeline took when it last ran, as far as it is known.
    pub fn last_took(&self, pipeline: &str) -> BTreeMap<String, Took> {
        self.recall(pipeline);
        let (latest, recent) = (lock_anyway(&self.latest), lock_anyway(&self.recent));
        let Some(latest) = latest.get(pipeline) else { return BTreeMap::new() };
        let took = |(id, key): (&String, &Digest)| Some((id.clone(), recent.records.get(key)?.took));
        latest.keys.iter().filter_map(took).collect()
    }

    /// Reads what is remembered of a pipeline, once.
    pub(crate) fn recall(&self, pipeline: &str) {
        if lock_anyway(&self.recent).pages.contains_key(pipeline) {
            return;
        }
        self.recall_latest(pipeline);
        let page: Page = read_if_whole(&self.page(pipeline)).unwrap_or_default();
        let mut recent = lock_anyway(&self.recent);
        for (key, stat, outputs, took) in page.records {
            recent.records.entry(key).or_insert_with(|| Arc::new(Known { stat, outputs, took }));
        }
        for (tree, stat, files) in page.listings {
            let entry = |(path, size, sha256)| Entry { path, size, sha256 };
            let listing = || Listing { files: files.into_iter().map(entry).collect() };
            let listed = || Listed { stat, listing: Arc::new(listing()), looked: None };
            recent.listings.entry(tree).or_insert_with(listed);
        }
        recent.pages.insert(pipeline.to_owned(), false);
    }

    /// Remembers a record that was checked, or written: `stat` is of the file that holds it.
    pub(super) fn learn_record(&self, record: &super::Record, stat: Stat) {
        let outputs = record.outputs.iter().map(|(port, tree)| (port.clone(), *tree)).collect();
        let known = Known { stat, outputs, took: Took::of(record) };
        let mut recent = lock_anyway(&self.recent);
        recent.records.insert(record.key, Arc::new(known));
        recent.pages.values_mut().for_each(|changed| *changed = true);
    }

    pub(super) fn learn_listing(&self, tree: Digest, stat: Stat, listing: &Arc<Listing>) {
        if listing.files.len() <= MOST_FILES {
            let listed = Listed { stat, listing: Arc::clone(listing), looked: Some(Instant::now()) };
            lock_anyway(&self.recent).listings.insert(tree, listed);
        }
    }

    /// Saves what was learnt: the keys of last successes, and what is known of their records.
    pub(super) fn save_recent(&self) -> Result<(), EngineError> {
        self.save_latest()?;
        let (latest, mut recent) = (lock_anyway(&self.latest), lock_anyway(&self.recent));
        let changed =
            recent.pages.iter_mut().filter_map(|(pipeline, changed)| std::mem::take(changed).then_some(pipeline));
        let changed: Vec<String> = changed.cloned().collect();
        let page = |name: String| Some((self.page(&name), recent.write(latest.get(&name)?.keys.values())));
        let pages: Vec<(PathBuf, Page)> = changed.into_iter().filter_map(page).collect();
        drop((latest, recent));
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
    fn write<'a>(&self, keys: impl Iterator<Item = &'a Digest>) -> Page {
        let now = SystemTime::now();
        let mut page = Page::default();
        let mut trees = std::collections::BTreeSet::new();
        for key in keys {
            let Some(known) = self.records.get(key).filter(|known| known.stat.settled(TICK, now)) else { continue };
            page.records.push((*key, known.stat, known.outputs.clone(), known.took));
            trees.extend(known.outputs.iter().map(|(_, tree)| *tree));
        }
        for tree in trees {
            let listed = self.listings.get(&tree).filter(|listed| listed.stat.settled(TICK, now));
            let Some(Listed { stat, listing, .. }) = listed else { continue };
            let files = listing.files.iter().map(|file| (file.path.clone(), file.size, file.sha256));
            page.listings.push((tree, *stat, files.collect()));
        }
        page
    }
}
