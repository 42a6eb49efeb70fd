use super::transfer::{Fault, GETS, PUTS, each, list, put_bytes, put_file, size};
use super::{Remote, RemoteError};
use crate::digest::{Digest, digest_file};
use crate::engine::EngineError;
use crate::engine::cache::Store;
use crate::engine::cache::layout::{Peek, read_if_there};
use crate::engine::cache::verify::Meter;
use object_store::path::Path;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a push sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    pub records: u64,
    pub objects: u64,
    pub bytes: u64,
    /// Objects and records that were there already.
    pub there: u64,
    /// Records that weren't sent, because this store can't keep their promise.
    pub left_out: Vec<String>,
}

/// Up to so many names are asked for one by one; for more, the remote is listed.
const ASK: usize = 64;

impl Store {
    /// Sends what the remote lacks: files, then listings, then records, so that it never promises too much.
    /// Cut short, the next push sends the rest.
    pub fn push(&self, remote: &Remote, meter: Meter<'_>) -> Result<Pushed, RemoteError> {
        if remote.plain_http {
            return Err(RemoteError::ReadOnly { url: remote.url.clone() });
        }
        let mut pushed = Pushed::default();
        let mut load = self.load(&mut pushed)?;
        let (objects, there) = remote.lacking("objects", load.sizes(), |digest| remote.object_at(digest))?;
        pushed.there += there;
        let corrupt = self.corrupt_ones(&objects);
        load.leave_out(&corrupt, &mut pushed);
        let total = objects.iter().filter(|(d, _)| !corrupt.contains(d)).map(|(_, size)| size).sum();
        let (done, load) = (AtomicU64::new(0), load);
        for listings in [false, true] {
            let wanted = |digest: &Digest| load.listings.contains(digest) == listings && !corrupt.contains(digest);
            let part: Vec<(Digest, u64)> = objects.iter().copied().filter(|(digest, _)| wanted(digest)).collect();
            for part in part.chunks(256) {
                self.send_objects(remote, part)?;
                let bytes: u64 = part.iter().map(|(_, size)| size).sum();
                meter(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
                pushed.objects += part.len() as u64;
                pushed.bytes += bytes;
            }
        }
        self.send_records(remote, &load, &mut pushed)?;
        Ok(pushed)
    }

    /// All whole records with what they need.
    fn load(&self, pushed: &mut Pushed) -> Result<Load, EngineError> {
        let mut load = Load::default();
        for (key, record) in self.whole_records()? {
            if !self.is_whole(key)? {
                pushed.left_out.push(format!("{}: its output is not in the store", key.short()));
                continue;
            }
            let mut objects = BTreeMap::new();
            for &tree in record.outputs.values() {
                let Peek::Whole(listing) = self.peek_listing(tree)? else { continue };
                objects.extend(listing.files.iter().map(|file| (file.sha256, file.size)));
                objects.insert(tree, self.object(tree).metadata().map_or(0, |metadata| metadata.len()));
                load.listings.insert(tree);
            }
            load.records.insert(key, objects);
        }
        Ok(load)
    }

    /// Every byte is read before it is sent: corruption must not spread.
    fn corrupt_ones(&self, objects: &[(Digest, u64)]) -> BTreeSet<Digest> {
        use rayon::prelude::*;
        let wrong = |(digest, _): &&(Digest, u64)| !digest_file(&self.object(*digest)).is_ok_and(|is| is == *digest);
        objects.par_iter().filter(wrong).map(|(digest, _)| *digest).collect()
    }

    fn send_objects(&self, remote: &Remote, part: &[(Digest, u64)]) -> Result<(), RemoteError> {
        let jobs: Vec<_> = part.iter().map(|(digest, _)| (remote.object_at(*digest), self.object(*digest))).collect();
        let work = |(path, file)| put_file(Arc::clone(&remote.store), path, file);
        let sent = remote.runtime.block_on(each(jobs, PUTS, work));
        remote.sent(sent)
    }

    fn send_records(&self, remote: &Remote, load: &Load, pushed: &mut Pushed) -> Result<(), RemoteError> {
        let mut bytes = BTreeMap::new();
        for &key in load.records.keys() {
            let text = read_if_there(&self.record_path(key))?;
            bytes.extend(text.map(|text| (key, text)));
        }
        let sizes = bytes.iter().map(|(key, text)| (*key, text.len() as u64)).collect();
        // Records of other sizes are other runs of the same key: the first stays, unless it is torn.
        let (lacking, there) = remote.lacking_any("actions", sizes, |key| remote.record_at(key))?;
        pushed.there += there;
        let jobs: Vec<_> =
            lacking.iter().filter_map(|key| Some((remote.record_at(*key), bytes.remove(key)?))).collect();
        pushed.records += jobs.len() as u64;
        let work = |(path, text)| put_bytes(Arc::clone(&remote.store), path, text);
        let sent = remote.runtime.block_on(each(jobs, PUTS, work));
        remote.sent(sent)
    }
}

/// What is to be there in the end.
#[derive(Default)]
struct Load {
    records: BTreeMap<Digest, BTreeMap<Digest, u64>>,
    listings: BTreeSet<Digest>,
}

impl Load {
    fn sizes(&self) -> BTreeMap<Digest, u64> {
        self.records.values().flatten().map(|(digest, size)| (*digest, *size)).collect()
    }

    fn leave_out(&mut self, corrupt: &BTreeSet<Digest>, pushed: &mut Pushed) {
        self.records.retain(|key, objects| {
            let bad = objects.keys().find(|digest| corrupt.contains(digest));
            pushed.left_out.extend(bad.map(|bad| {
                format!("{}: object {} is corrupt; `runner cache verify --repair` mends it", key.short(), bad.short())
            }));
            bad.is_none()
        });
    }
}

impl Remote {
    /// Those that are not there with this very size, and how many are.
    fn lacking(
        &self,
        folder: &str,
        sizes: BTreeMap<Digest, u64>,
        at: impl Fn(Digest) -> Path,
    ) -> Result<(Vec<(Digest, u64)>, u64), RemoteError> {
        let there = self.sizes(folder, sizes.keys().map(|digest| at(*digest)).collect())?;
        let has = |(digest, size): &(Digest, u64)| there.get(&at(*digest)) == Some(size);
        let (has, lacking): (Vec<_>, Vec<_>) = sizes.into_iter().partition(has);
        Ok((lacking, has.len() as u64))
    }

    /// Those that are not there at all, or empty.
    fn lacking_any(
        &self,
        folder: &str,
        sizes: BTreeMap<Digest, u64>,
        at: impl Fn(Digest) -> Path,
    ) -> Result<(Vec<Digest>, u64), RemoteError> {
        let there = self.sizes(folder, sizes.keys().map(|digest| at(*digest)).collect())?;
        let has = |digest: &Digest| there.get(&at(*digest)).is_some_and(|size| *size > 0);
        let (has, lacking): (Vec<_>, Vec<_>) = sizes.into_keys().partition(has);
        Ok((lacking, has.len() as u64))
    }

    fn sizes(&self, folder: &str, paths: Vec<Path>) -> Result<BTreeMap<Path, u64>, RemoteError> {
        let store = &self.store;
        if paths.len() > ASK {
            let listed = self.runtime.block_on(list(Arc::clone(store), self.below(&[folder])));
            return listed.map_err(|fault| self.failed(fault));
        }
        let got = self.runtime.block_on(each(paths.clone(), GETS, |path| size(Arc::clone(store), path)));
        let mut sizes = BTreeMap::new();
        for (path, got) in paths.into_iter().zip(got) {
            let got = got.ok_or_else(|| self.transport("a transfer broke off".to_owned()))?;
            sizes.extend(got.map_err(|fault| self.failed(fault))?.map(|size| (path, size)));
        }
        Ok(sizes)
    }

    fn sent(&self, sent: Vec<Option<Result<(), Fault>>>) -> Result<(), RemoteError> {
        for sent in sent {
            let sent = sent.ok_or_else(|| self.transport("a transfer broke off".to_owned()))?;
            sent.map_err(|fault| self.failed(fault))?;
        }
        Ok(())
    }

    pub(super) fn failed(&self, fault: Fault) -> RemoteError {
        match fault {
            Fault::Transport(what) | Fault::Refused(what) => self.transport(what),
            Fault::Disk(source) => EngineError::Io { action: "send to", path: self.url.clone().into(), source }.into(),
        }
    }
}
