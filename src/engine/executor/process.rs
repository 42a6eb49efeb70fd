use super::guard::{self, Guarded};
use super::job::{CANCEL, Said};
use super::late;
use super::sandbox::Access;
use crate::contract::{StageContext, StageError};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program to start, and how to treat it.
pub struct Child {
    pub argv: Vec<OsString>,
    /// All that it sees of the environment.
    pub environment: Vec<(OsString, OsString)>,
    pub folder: PathBuf,
    /// `None`: as much as this process may.
    pub access: Option<Access>,
    pub log: PathBuf,
    pub gpus: Vec<usize>,
    pub timeout: Option<Duration>,
    /// Whether it is this program, which says what happens on its standard output, and listens.
    pub talks: bool,
}

/// How a child ended.
pub struct Ended {
    pub outcome: Result<(), StageError>,
    /// Of its largest process, in bytes. What this process takes itself hides what is smaller, but for what was seen
    /// now and then of the child's own.
    pub peak_memory: u64,
}

/// From the polite request to the end without one.
const GRACE: Duration = Duration::from_secs(10);
/// How often a wish to stop is looked at.
const TICK: Duration = Duration::from_millis(50);

impl Child {
    pub fn run(self, context: &StageContext) -> Result<Ended, StageError> {
        let program = PathBuf::from(self.argv.first().cloned().unwrap_or_default());
        let failed = |action: &'static str| {
            let path = program.clone();
            move |source: io::Error| StageError::Io { action, path, source }
        };
        let mut child = self.command(context)?.spawn().map_err(failed("start"))?;
        let id = child.id() as libc::pid_t;
        let guarded = Guarded(id);
        let watch = Watch {
            id,
            guarded: Some(guarded),
            exit: pidfd(id),
            input: child.stdin.take(),
            output: child.stdout.take(),
            pending: Vec::new(),
            said: None,
            stopping: None,
            because: None,
            resident_at_start: resident(),
            seen_peak: 0,
        };
        // Reaped by `wait4`, which tells its memory; `Child` never waits by itself.
        drop(child);
        watch.until_the_end(context, self.timeout, self.talks).map_err(failed("wait for"))
    }

    fn command(&self, context: &StageContext) -> Result<Command, StageError> {
        let mut argv = self.argv.iter();
        let mut command = Command::new(argv.next().cloned().unwrap_or_default());
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(|source| StageError::Io { action: "open", path: self.log.clone(), source })?;
        let second = log.try_clone().map_err(StageError::failed)?;
        command.args(argv).env_clear().envs(self.environment.iter().map(|(a, b)| (a, b))).current_dir(&self.folder);
        if !self.gpus.is_empty() {
            let indices: Vec<String> = self.gpus.iter().map(usize::to_string).collect();
            command.env("CUDA_VISIBLE_DEVICES", indices.join(","));
        }
        command.stderr(log);
        if self.talks {
            command.arg0("runner").stdin(Stdio::piped()).stdout(Stdio::piped());
        } else {
            command.stdin(Stdio::null()).stdout(second);
        }
        let mut rules = match &self.access {
            Some(access) => access.rules().inspect_err(|error| context.progress.log(error)).ok(),
            None => None,
        };
        let (parent, ear) = (std::process::id(), guard::ear());
        let before = move || -> io::Result<()> {
            own_group_that_dies_with(parent)?;
            if let Some(ear) = ear {
                guard::join(ear);
            }
            rules.take().map_or(Ok(()), super::sandbox::Rules::enforce)
        };
        // SAFETY: between fork and exec `before` only makes system calls; it takes no lock and allocates nothing.
        unsafe { command.pre_exec(before) };
        Ok(command)
    }
}

/// A group of its own, so that Ctrl-C on the terminal reaches this program alone, and all of it can be ended.
fn own_group_that_dies_with(parent: u32) -> io::Result<()> {
    // SAFETY: system calls on this process, with constant arguments.
    unsafe {
        if libc::setpgid(0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        #[cfg(target_os = "linux")]
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Err(io::Error::last_os_error());
        }
        // It may have died before it could be said.
        if libc::getppid() as u32 != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// A descriptor that can be read once the process has ended; none where the system has no such thing.
fn pidfd(id: libc::pid_t) -> Option<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call takes two numbers, and gives a descriptor that nobody else has, or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) };
        // SAFETY: as above.
        (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = id;
        None
    }
}

/// A child that runs.
struct Watch {
    id: libc::pid_t,
    guarded: Option<Guarded>,
    exit: Option<OwnedFd>,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    /// The beginning of a line.
    pending: Vec<u8>,
    /// Its last word.
    said: Option<Said>,
    stopping: Option<Instant>,
    /// Why we ended it.
    because: Option<StageError>,
    /// A fork counts as much memory as this process has, before it becomes a program of its own.
    resident_at_start: u64,
    /// The largest peak that the system told of the child itself, while it ran.
    seen_peak: u64,
}

impl Watch {
    fn until_the_end(mut self, context: &StageContext, timeout: Option<Duration>, talks: bool) -> io::Result<Ended> {
        let start = Instant::now();
        if let Some(output) = &self.output {
            make_nonblocking(output.as_raw_fd())?;
        }
        let mut told = false;
        while !self.wait_a_tick()? {
            self.listen(context)?;
            self.seen_peak = self.seen_peak.max(peak_of(self.id));
            if context.cancelled() && !told {
                told = true;
                // A stage of ours checkpoints and ends by itself; a program is asked to end.
                match self.input.as_mut().filter(|_| talks) {
                    Some(input) => input.write_all(CANCEL.as_bytes()).unwrap_or_default(),
                    None => self.stop(StageError::Cancelled),
                }
            }
            if let Some(limit) = timeout.filter(|limit| start.elapsed() > *limit) {
                self.stop(late(limit));
            }
            if self.stopping.is_some_and(|since| since.elapsed() > GRACE) {
                self.signal(libc::SIGKILL);
            }
        }
        self.listen(context)?;
        // What it left running in its group ends with it. It is not reaped yet, so that the number is still its own.
        self.signal(libc::SIGKILL);
        drop(self.guarded.take());
        let (status, largest) = reap(self.id)?;
        let own = largest > self.resident_at_start + self.resident_at_start / 20;
        let peak_memory = if own { largest } else { self.seen_peak };
        let outcome = self.judge(status, peak_memory, talks);
        Ok(Ended { outcome, peak_memory })
    }

    fn stop(&mut self, because: StageError) {
        if self.stopping.is_none() {
            self.stopping = Some(Instant::now());
            self.because = Some(because);
            self.signal(libc::SIGTERM);
        }
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: a system call with two numbers. Who is gone needs no signal.
        unsafe { libc::kill(-self.id, signal) };
    }

    /// True once it has ended.
    fn wait_a_tick(&self) -> io::Result<bool> {
        let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut fds: Vec<libc::pollfd> = self.exit.iter().map(|fd| entry(fd.as_raw_fd())).collect();
        fds.extend(self.output.iter().map(|output| entry(output.as_raw_fd())));
        // SAFETY: the pointer and the length are those of a vector that outlives the call.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, TICK.as_millis() as i32) };
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Err(io::Error::last_os_error());
        }
        has_ended(self.id)
    }

    fn listen(&mut self, context: &StageContext) -> io::Result<()> {
        let Some(output) = self.output.as_mut() else { return Ok(()) };
        let mut buffer = [0; 1 << 14];
        let mut open = true;
        loop {
            match output.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(count) => {
                    self.pending.extend_from_slice(&buffer[..count]);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            break;
        }
        if !open {
            self.output = None;
        }
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.hear(&line, context);
        }
        Ok(())
    }

    fn hear(&mut self, line: &[u8], context: &StageContext) {
        match serde_json::from_slice(line) {
            Ok(Said::Progress { done, total, message }) => context.progress.update(done, total, &message),
            Ok(Said::Log { line }) => context.progress.log(&line),
            Ok(last) => self.said = Some(last),
            Err(_) => context.progress.log(String::from_utf8_lossy(line).trim_end()),
        }
    }

    fn judge(self, status: ExitStatus, peak_memory: u64, talks: bool) -> Result<(), StageError> {
        match (self.because, self.said) {
            (Some(because), _) => Err(because),
            (None, Some(Said::Cancelled)) => Err(StageError::Cancelled),
            (None, Some(Said::Failed { error })) => Err(StageError::Failed(error)),
            (None, Some(Said::Done)) if status.success() => Ok(()),
            (None, None) if status.success() && !talks => Ok(()),
            _ => Err(StageError::Failed(reason(status, peak_memory))),
        }
    }
}

fn make_nonblocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: system calls on an open descriptor, with numbers only.
    let done = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        flags >= 0 && libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) >= 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether a child has ended; it stays unreaped.
fn has_ended(id: libc::pid_t) -> io::Result<bool> {
    // SAFETY: a zeroed `siginfo_t` is a valid one, and the call writes to it alone.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        match libc::waitid(libc::P_PID, id as libc::id_t, &raw mut info, flags) {
            0 => Ok(info.si_pid() == id),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Its exit status, and the largest memory of it and its children in bytes.
fn reap(id: libc::pid_t) -> io::Result<(ExitStatus, u64)> {
    let mut status = 0;
    // SAFETY: a zeroed `rusage` is a valid one, and the call writes to the two values alone.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        loop {
            if libc::wait4(id, &raw mut status, 0, &raw mut usage) == id {
                return Ok((ExitStatus::from_raw(status), usage.ru_maxrss as u64 * MAXRSS_UNIT));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

/// Bytes that this process holds in memory; 0 where the system doesn't tell.
fn resident() -> u64 {
    memory_of("self", "VmRSS:")
}

/// The peak of a process that runs, in bytes; 0 where the system doesn't tell.
fn peak_of(id: libc::pid_t) -> u64 {
    memory_of(&id.to_string(), "VmHWM:")
}

fn memory_of(process: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default();
    kib.saturating_mul(1024)
}

/// `ru_maxrss` counts KiB, but on Apple's systems bytes.
const MAXRSS_UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

/// Why a child that said nothing ended, for people.
fn reason(status: ExitStatus, peak_memory: u64) -> String {
    let peak = match peak_memory {
        0 => "its peak memory is unknown".to_owned(),
        bytes => format!("its peak memory was {:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    };
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => {
            format!("killed by signal 9 (SIGKILL), as the system does when memory runs out; {peak}")
        }
        (Some(signal), _) => format!("crashed with signal {signal} ({}); {peak}", name_of(signal)),
        (None, Some(0)) => format!("ended without a word; {peak}"),
        (None, code) => format!("ended with exit code {}; {peak}", code.unwrap_or(-1)),
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        libc::SIGSEGV => "SIGSEGV, a wrong memory access",
        libc::SIGABRT => "SIGABRT, an abort",
        libc::SIGBUS => "SIGBUS, a file that shrank or a full disk",
        libc::SIGFPE => "SIGFPE, a division by zero",
        libc::SIGILL => "SIGILL, an instruction that this processor lacks",
        libc::SIGTERM => "SIGTERM, a request from outside",
        libc::SIGINT => "SIGINT, a request from outside",
        libc::SIGXCPU => "SIGXCPU, a limit of processor time",
        libc::SIGXFSZ => "SIGXFSZ, a limit of file size",
        _ => "see `kill -l`",
    }
}
