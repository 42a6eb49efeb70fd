use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// With less than this, what fails may well have failed for it.
const LITTLE: u64 = 64 << 10;

/// What is left of a disk, in words, where that is next to nothing.
pub fn nearly_full(path: &Path) -> Option<String> {
    let name = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: a zeroed `statvfs` is a valid one; the call reads a C string and writes to the value alone.
    let space = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        if libc::statvfs(name.as_ptr(), &raw mut space) != 0 {
            return None;
        }
        space
    };
    let bytes = (space.f_bavail as u64).saturating_mul(space.f_frsize as u64);
    let path = path.display();
    if bytes < LITTLE {
        Some(format!("the disk is full: {} KiB are left at {path}", bytes >> 10))
    } else if space.f_files > 0 && space.f_favail == 0 {
        Some(format!("the disk is full: no inode is left at {path}"))
    } else {
        None
    }
}
