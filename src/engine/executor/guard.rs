use crate::engine::cache::lock_anyway;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, OnceLock};

/// A process that outlives this one by a moment, to end the groups of children that still run: a child dies with its
/// parent by itself, what it started does not. None where it couldn't be started.
static GUARD: OnceLock<Option<Mutex<File>>> = OnceLock::new();

/// Groups that the guard can keep in mind; more than any machine has cores.
const MOST: usize = 4096;

/// The group of a child that runs: it told the guard of itself, by [`join`].
pub struct Guarded(pub libc::pid_t);

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(guard) = the_guard() {
            // Without a guard the children themselves still die with us.
            let _ = lock_anyway(guard).write_all(&(-self.0).to_ne_bytes());
        }
    }
}

fn the_guard() -> Option<&'static Mutex<File>> {
    GUARD.get_or_init(|| start().ok().map(Mutex::new)).as_ref()
}

/// Where a child tells the guard of its group; the guard is started if it isn't there.
pub fn ear() -> Option<RawFd> {
    the_guard().map(|guard| lock_anyway(guard).as_raw_fd())
}

/// For a child, before it becomes a program of its own: from then on nothing that it starts can be missed.
pub fn join(ear: RawFd) {
    // A number adds a group, its negative removes it.
    // SAFETY: system calls with numbers, and with a buffer of this function's own. A message this short goes whole.
    unsafe {
        let message = libc::getpid().to_ne_bytes();
        libc::write(ear, message.as_ptr().cast(), message.len());
    }
}

fn start() -> io::Result<File> {
    let mut ends: [RawFd; 2] = [0; 2];
    // SAFETY: the call writes two descriptors, which nobody else has, into the array.
    let (listen, speak) = unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    for end in [&listen, &speak] {
        // SAFETY: a system call on an open descriptor. No program that we start may hold an end.
        unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: the child makes system calls alone, on memory of its own stack: it takes no lock and allocates nothing.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => guard(listen.as_raw_fd()),
        _ => Ok(File::from(speak)),
    }
}

/// Reads until its parent is gone, then ends the groups that are left.
fn guard(listen: RawFd) -> ! {
    let mut groups: [libc::pid_t; MOST] = [0; MOST];
    let mut message = [0_u8; size_of::<libc::pid_t>()];
    // SAFETY: system calls with numbers, and with a buffer of this function's own. Standard streams, locks and all else
    // that was inherited is closed, or it would stay open for as long as the guard lives.
    unsafe {
        libc::setpgid(0, 0);
        libc::dup2(listen, 0);
        let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65_536) as RawFd;
        #[cfg(target_os = "linux")]
        let closed = libc::syscall(libc::SYS_close_range, 1, libc::c_uint::MAX, 0) == 0;
        #[cfg(not(target_os = "linux"))]
        let closed = false;
        if !closed {
            (1..limit).for_each(|fd| {
                libc::close(fd);
            });
        }
        loop {
            match libc::read(0, message.as_mut_ptr().cast(), message.len()) {
                count if count == message.len() as isize => note(&mut groups, libc::pid_t::from_ne_bytes(message)),
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        for group in groups {
            if group > 0 {
                libc::kill(-group, libc::SIGKILL);
            }
        }
        libc::_exit(0)
    }
}

fn note(groups: &mut [libc::pid_t], message: libc::pid_t) {
    let (from, to) = if message > 0 { (0, message) } else { (-message, 0) };
    if let Some(place) = groups.iter_mut().find(|group| **group == from) {
        *place = to;
    }
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn groups_come_and_go() {
        let mut groups = [0; 3];
        [5, 7, 9, 11, -7].iter().for_each(|message| note(&mut groups, *message));
        assert_eq!(groups, [5, 0, 9]);
        note(&mut groups, 13);
        note(&mut groups, -4);
        assert_eq!(groups, [5, 13, 9]);
    }
}
