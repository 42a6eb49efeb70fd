use super::file::remove_all;
use super::layout::Peek;
use super::verify::{Broken, Damage, Part};
use super::{Store, Verification};
use crate::digest::{Digest, digest_file};
use crate::engine::EngineError;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// What was moved to `corrupt/`.
    pub set_aside: Vec<PathBuf>,
    /// Stages whose outputs came back from the remote.
    pub fetched: Vec<String>,
    /// Stages that the next run makes again.
    pub run_again: Vec<String>,
    /// Pieces that hold nothing of their own and were removed: trees, pointers, the memo.
    pub removed: u64,
}

impl Store {
    /// Sets aside what is corrupt, fetches what the remote has, and forgets what can be no hit any more. Afterwards
    /// the store promises nothing that it hasn't.
    pub fn repair(&self, found: &Verification) -> Result<Repair, EngineError> {
        self.share()?;
        let mut repair = Repair::default();
        found.damages.iter().try_for_each(|damage| self.repair_one(damage, &mut repair))?;
        found.broken.iter().try_for_each(|broken| self.restore(broken, &mut repair))?;
        // Last: a record that came back makes its pointer whole, and one that went leaves its own behind.
        repair.removed += self.forget_latest(&|key| !self.record_path(key).exists())?;
        self.forget_recent()?;
        self.save_memo()?;
        repair.run_again.sort();
        repair.fetched.sort();
        Ok(repair)
    }

    fn repair_one(&self, damage: &Damage, repair: &mut Repair) -> Result<(), EngineError> {
        match damage.part {
            Part::Object => {
                let digest = digest_of(&damage.path);
                // A run may have made it anew since it was found.
                if digest.is_some_and(|digest| digest_file(&damage.path).is_ok_and(|is| is == digest))
                    && self.peek_listing_is_ours(digest)?
                {
                    return Ok(());
                }
                repair.set_aside.extend(self.move_aside(&damage.path)?);
            }
            Part::Record | Part::Published => repair.set_aside.extend(self.move_aside(&damage.path)?),
            Part::Tree | Part::Memo | Part::LatestFile => {
                remove_all(&damage.path)?;
                repair.removed += 1;
            }
            // A journal stays, for people: nothing depends on it, and its other lines are whole.
            Part::Journal | Part::Latest => {}
        }
        Ok(())
    }

    /// False if the object is a listing that names files outside of its folder, say.
    fn peek_listing_is_ours(&self, digest: Option<Digest>) -> Result<bool, EngineError> {
        let Some(digest) = digest else { return Ok(false) };
        Ok(match self.peek_listing(digest)? {
            Peek::Whole(listing) => super::remote::check_listing(&listing, digest).is_ok(),
            Peek::Absent | Peek::Corrupt => true,
        })
    }

    /// What runs remember of records and pointers, so that they need not read them: true no more.
    pub(super) fn forget_recent(&self) -> Result<(), EngineError> {
        remove_all(&self.root().join("recent"))
    }

    /// Under the key's lock: a run may be making it again this very moment.
    fn restore(&self, broken: &Broken, repair: &mut Repair) -> Result<(), EngineError> {
        let _lock = self.lock(broken.key, &|| false)?;
        if self.is_whole(broken.key)? {
            return Ok(());
        }
        if self.fetch(broken.key)? && self.is_whole(broken.key)? {
            repair.fetched.push(broken.stage.clone());
            return Ok(());
        }
        remove_all(&self.record_path(broken.key))?;
        repair.run_again.push(broken.stage.clone());
        Ok(())
    }

    pub(super) fn is_whole(&self, key: Digest) -> Result<bool, EngineError> {
        let Peek::Whole(record) = self.peek_record(key)? else { return Ok(false) };
        for &tree in record.outputs.values() {
            let Peek::Whole(listing) = self.peek_listing(tree)? else { return Ok(false) };
            if !listing.files.iter().all(|file| self.has_object(file.sha256, file.size)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves a file to `corrupt/`, beside what is there already.
    fn move_aside(&self, path: &Path) -> Result<Option<PathBuf>, EngineError> {
        let folder = self.root().join("corrupt");
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        let parts = path.strip_prefix(self.root()).unwrap_or(path).components().skip(1);
        let name: String = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let aside = folder.join(name);
        match fs::rename(path, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(EngineError::Io { action: "set aside", path: path.to_owned(), source }),
        }
    }
}

/// The digest that an object's path stands for.
fn digest_of(path: &Path) -> Option<Digest> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("{}{}", name(path.parent()?)?, name(path)?).parse().ok()
}
