//! The few things that are asked of a remote, each with its limits.

use crate::digest::{Digest, digest_file};
use object_store::path::Path;
use object_store::{Error, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use std::collections::BTreeMap;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::{JoinSet, spawn_blocking};

/// Downloads in flight: enough to hide latency, and few enough for any server.
pub(super) const GETS: usize = 16;
/// Uploads in flight: each holds up to three pieces in memory.
pub(super) const PUTS: usize = 8;
/// A larger file goes up in pieces of this size.
const PIECE: usize = 8 << 20;

/// Why a transfer came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The remote doesn't answer, or with an error.
    Transport(String),
    /// What came isn't what was asked for.
    Refused(String),
    /// Our own disk.
    Disk(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Disk(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Transport(chain(&error))
    }
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Works on all items, at most `limit` at the same time; what came of each, in their order. `None`: its task panicked.
pub(super) async fn each<T, R, W>(items: Vec<T>, limit: usize, work: impl Fn(T) -> W) -> Vec<Option<R>>
where
    R: Send + 'static,
    W: Future<Output = R> + Send + 'static,
{
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let mut running = JoinSet::new();
    for (place, item) in items.into_iter().enumerate() {
        if running.len() >= limit
            && let Some(Ok((place, result))) = running.join_next().await
        {
            results[place] = Some(result);
        }
        let work = work(item);
        running.spawn(async move { (place, work.await) });
    }
    while let Some(ended) = running.join_next().await {
        if let Ok((place, result)) = ended {
            results[place] = Some(result);
        }
    }
    results
}

/// A small file whole; `None` if the remote hasn't it.
pub(super) async fn get_small(store: Arc<dyn ObjectStore>, path: Path, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
    let Some(result) = get(&*store, &path).await? else { return Ok(None) };
    if result.meta.size > limit {
        return Err(Fault::Refused(format!(
            "it has {} bytes, more than the {limit} that it may have",
            result.meta.size
        )));
    }
    let mut bytes = Vec::new();
    receive(result, limit, &mut bytes).await?;
    Ok(Some(bytes))
}

/// Brings an object of a known digest and size to a file. False if the remote hasn't it. The file is there only
/// if its bytes are right.
pub(super) async fn get_object(
    store: Arc<dyn ObjectStore>,
    path: Path,
    digest: Digest,
    size: u64,
    target: PathBuf,
) -> Result<bool, Fault> {
    let Some(result) = get(&*store, &path).await? else { return Ok(false) };
    if result.meta.size != size {
        return Err(Fault::Refused(format!("it has {} bytes instead of {size}", result.meta.size)));
    }
    let mut file = File::create(&target)?;
    let received = receive(result, size, &mut file).await;
    drop(file);
    let checked = match received {
        Ok(()) => {
            let file = target.clone();
            let found = spawn_blocking(move || digest_file(&file)).await.map_err(io::Error::other)??;
            let wrong = || Fault::Refused(format!("its bytes have the digest {}", found.short()));
            if found == digest { Ok(true) } else { Err(wrong()) }
        }
        Err(fault) => Err(fault),
    };
    if checked.is_err() {
        // Best effort: it stands in a folder of `tmp/`, which goes as a whole.
        let _ = std::fs::remove_file(&target);
    }
    checked
}

async fn get(store: &dyn ObjectStore, path: &Path) -> Result<Option<GetResult>, Fault> {
    match store.get(path).await {
        Ok(result) => Ok(Some(result)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes what comes, and never more than `limit` bytes of it.
async fn receive(result: GetResult, limit: u64, into: &mut impl Write) -> Result<(), Fault> {
    let too_much = || Fault::Refused(format!("it goes on after the {limit} bytes that it may have"));
    let mut stream = match result.payload {
        GetResultPayload::File(file, _) => {
            let copied = io::copy(&mut file.take(limit.saturating_add(1)), into)?;
            return if copied > limit { Err(too_much()) } else { Ok(()) };
        }
        GetResultPayload::Stream(stream) => stream,
    };
    let mut received = 0_u64;
    while let Some(bytes) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        let bytes = bytes?;
        received += bytes.len() as u64;
        if received > limit {
            return Err(too_much());
        }
        into.write_all(&bytes)?;
    }
    Ok(())
}

/// Sends a file of the store, whole or in pieces. It appears under its name when all of it is there.
pub(super) async fn put_file(store: Arc<dyn ObjectStore>, path: Path, file: PathBuf) -> Result<(), Fault> {
    if file.metadata()?.len() <= PIECE as u64 {
        let bytes = std::fs::read(&file)?;
        store.put(&path, PutPayload::from(bytes)).await?;
        return Ok(());
    }
    let mut file = File::open(&file)?;
    let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PIECE);
    let mut piece = vec![0; PIECE];
    loop {
        upload.wait_for_capacity(2).await?;
        match file.read(&mut piece)? {
            0 => break,
            n => upload.write(&piece[..n]),
        }
    }
    upload.finish().await?;
    Ok(())
}

pub(super) async fn put_bytes(store: Arc<dyn ObjectStore>, path: Path, bytes: Vec<u8>) -> Result<(), Fault> {
    store.put(&path, PutPayload::from(bytes)).await?;
    Ok(())
}

/// Bytes of a file there; `None` if there is none.
pub(super) async fn size(store: Arc<dyn ObjectStore>, path: Path) -> Result<Option<u64>, Fault> {
    match store.head(&path).await {
        Ok(meta) => Ok(Some(meta.size)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All files below a folder, with their sizes.
pub(super) async fn list(store: Arc<dyn ObjectStore>, folder: Path) -> Result<BTreeMap<Path, u64>, Fault> {
    let mut stream = store.list(Some(&folder));
    let mut files = BTreeMap::new();
    while let Some(meta) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        match meta {
            Ok(meta) => drop(files.insert(meta.location, meta.size)),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(files)
}
