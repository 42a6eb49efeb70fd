use super::check::{LISTING_LIMIT, RECORD_LIMIT, check_record};
use super::transfer::{Fault, GETS, each, get_object, get_small};
use super::{Refusal, Remote, RemoteError, check_listing};
use crate::digest::{Digest, Listing};
use crate::engine::EngineError;
use crate::engine::cache::file::remove_all;
use crate::engine::cache::layout::Peek;
use crate::engine::cache::verify::Meter;
use crate::engine::cache::{Record, Store};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What came for a number of keys.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Whole, and in the store.
    pub arrived: Vec<Record>,
    pub absent: Vec<Digest>,
    /// What was thrown away, and why; its keys have not arrived.
    pub refused: Vec<String>,
    pub objects: u64,
    pub bytes: u64,
}

/// Bytes that a download leaves free on the disk.
const SPARE: u64 = 256 << 20;

impl Store {
    /// Fetches records with all that they need: listings, then files, and the records last. What arrives is kept
    /// even if others of the batch fail, so that the next try goes on from there.
    pub(super) fn fetch_keys(&self, remote: &Remote, keys: &[Digest], meter: Meter<'_>) -> Result<Batch, RemoteError> {
        self.share()?;
        let mut batch = Batch::default();
        let records = remote.records(keys, &mut batch)?;
        if records.is_empty() {
            return Ok(batch);
        }
        let mut bad = BTreeSet::new();
        let listings = self.fetch_listings(remote, &records, &mut batch, &mut bad)?;
        self.fetch_files(remote, &listings, meter, &mut batch, &mut bad)?;
        let whole = |listing: &Listing| listing.files.iter().all(|file| !bad.contains(&file.sha256));
        // A listing's presence says that its files are there.
        for (listing, bytes) in listings.values() {
            if whole(listing) {
                self.put_bytes(bytes)?;
            }
        }
        for record in records {
            let all = record.outputs.values().all(|tree| listings.get(tree).is_some_and(|(listing, _)| whole(listing)));
            if all {
                self.write_record(&record)?;
                batch.arrived.push(record);
            }
        }
        Ok(batch)
    }

    /// The listing of each output, from here or from there, with its bytes.
    fn fetch_listings(
        &self,
        remote: &Remote,
        records: &[Record],
        batch: &mut Batch,
        bad: &mut BTreeSet<Digest>,
    ) -> Result<BTreeMap<Digest, (Listing, Vec<u8>)>, RemoteError> {
        let trees: BTreeSet<Digest> = records.iter().flat_map(|record| record.outputs.values().copied()).collect();
        let mut listings = BTreeMap::new();
        let mut wanted = Vec::new();
        for tree in trees {
            match self.peek_listing(tree)? {
                Peek::Whole(listing) => {
                    let bytes =
                        std::fs::read(self.object(tree)).map_err(EngineError::io("read", &self.object(tree)))?;
                    listings.insert(tree, (listing, bytes));
                }
                Peek::Absent | Peek::Corrupt => wanted.push(tree),
            }
        }
        let jobs: Vec<_> = wanted.iter().map(|tree| remote.object_at(*tree)).collect();
        let store = &remote.store;
        let got = remote.runtime.block_on(each(jobs, GETS, |path| get_small(Arc::clone(store), path, LISTING_LIMIT)));
        for (tree, got) in wanted.into_iter().zip(got) {
            let name = || remote.object_at(tree).to_string();
            let Some(bytes) = remote.promised(got, &name, batch)? else {
                bad.insert(tree);
                continue;
            };
            match read_listing(&bytes, tree) {
                Ok(listing) => {
                    batch.objects += 1;
                    batch.bytes += bytes.len() as u64;
                    // What is corrupt here would keep its good copy out.
                    if matches!(self.peek_listing(tree)?, Peek::Corrupt) {
                        self.quarantine(tree);
                    }
                    listings.insert(tree, (listing, bytes));
                }
                Err(Refusal { what }) => batch.refused.push(remote.refusal(&name(), &what)),
            }
        }
        Ok(listings)
    }

    fn fetch_files(
        &self,
        remote: &Remote,
        listings: &BTreeMap<Digest, (Listing, Vec<u8>)>,
        meter: Meter<'_>,
        batch: &mut Batch,
        bad: &mut BTreeSet<Digest>,
    ) -> Result<(), RemoteError> {
        let files = listings.values().flat_map(|(listing, _)| &listing.files);
        let mut wanted: BTreeMap<Digest, u64> = files.map(|file| (file.sha256, file.size)).collect();
        wanted.retain(|digest, size| !self.has_object(*digest, *size));
        let total = wanted.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        if wanted.is_empty() || !self.has_room(remote, total, batch) {
            bad.extend(wanted.into_keys());
            return Ok(());
        }
        let folder = self.temporary("fetch")?;
        let fetched = self.download(remote, &wanted, &folder, total, meter, batch, bad);
        remove_all(&folder)?;
        fetched
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a batch")]
    fn download(
        &self,
        remote: &Remote,
        wanted: &BTreeMap<Digest, u64>,
        folder: &Path,
        total: u64,
        meter: Meter<'_>,
        batch: &mut Batch,
        bad: &mut BTreeSet<Digest>,
    ) -> Result<(), RemoteError> {
        let target = |digest: &Digest| folder.join(digest.to_string());
        let all: Vec<(Digest, u64)> = wanted.iter().map(|(digest, size)| (*digest, *size)).collect();
        let done = AtomicU64::new(0);
        // In parts, so that little is lost when this is cut short.
        for part in all.chunks(256) {
            let jobs: Vec<_> = part.iter().map(|(d, size)| (remote.object_at(*d), *d, *size, target(d))).collect();
            let work = |(path, digest, size, target): (_, Digest, u64, PathBuf)| {
                get_object(Arc::clone(&remote.store), path, digest, size, target)
            };
            let got = remote.runtime.block_on(each(jobs, GETS, work));
            let mut arrived = Vec::new();
            let mut failed = None;
            for (&(digest, size), got) in part.iter().zip(got) {
                let name = || remote.object_at(digest).to_string();
                let got = got.map(|got| got.map(|there| there.then_some(())));
                match remote.promised(got, &name, batch) {
                    Ok(Some(())) => arrived.push((digest, size)),
                    Ok(None) => drop(bad.insert(digest)),
                    Err(error) => failed = Some(error),
                }
            }
            arrived.par_iter().try_for_each(|(digest, size)| {
                meter(done.fetch_add(*size, Ordering::Relaxed) + size, total);
                self.put_file(&target(digest), *digest, *size)
            })?;
            batch.objects += arrived.len() as u64;
            batch.bytes += arrived.iter().map(|(_, size)| size).sum::<u64>();
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// A remote says what sizes its files have: that must not fill the disk.
    fn has_room(&self, remote: &Remote, total: u64, batch: &mut Batch) -> bool {
        let Some(free) = free_bytes(self.root()) else { return true };
        let fits = total <= free.saturating_sub(SPARE);
        if !fits {
            let what = format!("its files take {total} bytes, and the disk has {free} free");
            batch.refused.push(remote.refusal("what was asked for", &what));
        }
        fits
    }
}

impl Remote {
    /// The records of these keys that the remote has and that are what they should be.
    fn records(&self, keys: &[Digest], batch: &mut Batch) -> Result<Vec<Record>, RemoteError> {
        let jobs: Vec<_> = keys.iter().map(|key| self.record_at(*key)).collect();
        let got =
            self.runtime.block_on(each(jobs, GETS, |path| get_small(Arc::clone(&self.store), path, RECORD_LIMIT)));
        let mut records = Vec::new();
        for (&key, got) in keys.iter().zip(got) {
            let name = || self.record_at(key).to_string();
            let refused = batch.refused.len();
            match self.take(got, &name, batch)? {
                Some(bytes) => match check_record(&bytes, key) {
                    Ok(record) => records.push(record),
                    Err(Refusal { what }) => batch.refused.push(self.refusal(&name(), &what)),
                },
                None if batch.refused.len() == refused => batch.absent.push(key),
                None => {}
            }
        }
        Ok(records)
    }

    /// What came of a transfer. What is refused is noted and counts as not there; an error ends the batch.
    fn take<T>(
        &self,
        got: Option<Result<Option<T>, Fault>>,
        name: &dyn Fn() -> String,
        batch: &mut Batch,
    ) -> Result<Option<T>, RemoteError> {
        match got {
            Some(Ok(got)) => Ok(got),
            Some(Err(Fault::Refused(what))) => {
                batch.refused.push(self.refusal(&name(), &what));
                Ok(None)
            }
            Some(Err(Fault::Transport(what))) => Err(self.transport(what)),
            Some(Err(Fault::Disk(source))) => {
                Err(EngineError::Io { action: "fetch", path: PathBuf::from(name()), source }.into())
            }
            None => Err(self.transport(format!("the transfer of {} broke off", name()))),
        }
    }

    /// As [`Remote::take`], for an object that a record of the remote's names.
    fn promised<T>(
        &self,
        got: Option<Result<Option<T>, Fault>>,
        name: &dyn Fn() -> String,
        batch: &mut Batch,
    ) -> Result<Option<T>, RemoteError> {
        if matches!(got, Some(Ok(None))) {
            batch.refused.push(format!("remote {} has a record without its object {}", self.url, name()));
        }
        self.take(got, name, batch)
    }

    fn refusal(&self, name: &str, what: &str) -> String {
        format!("remote {} sent {name}, which is thrown away: {what}", self.url)
    }
}

fn read_listing(bytes: &[u8], tree: Digest) -> Result<Listing, Refusal> {
    let found = Digest::of_bytes(bytes);
    if found != tree {
        return Err(Refusal { what: format!("its bytes have the digest {}", found.short()) });
    }
    let listing: Listing =
        serde_json::from_slice(bytes).map_err(|error| Refusal { what: format!("it is no listing: {error}") })?;
    check_listing(&listing, tree)?;
    Ok(listing)
}

/// Bytes that are free for us on the disk of a folder; `None` where the system doesn't tell.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the call fills the struct when it returns 0.
    let stat = unsafe {
        if libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    #[expect(clippy::useless_conversion, reason = "these have other widths on other systems")]
    Some(u64::from(stat.f_bavail).saturating_mul(u64::from(stat.f_frsize)))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
