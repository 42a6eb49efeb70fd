use super::toys::{Heard, Project, chain, files, object, overwrite, runs};
use runner::digest::{Digest, canonical_json};
use runner::engine::cache::{Pulled, Remote, RemoteError};
use runner::engine::{Options, Summary, run};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const QUIET: &(dyn Fn(u64, u64) + Sync) = &|_, _| {};

fn remote(folder: &Path) -> Remote {
    Remote::open(&format!("file://{}", folder.display())).unwrap()
}

/// A chain that ran and was pushed, and an empty project with the same plan.
fn pushed() -> (Project, Project, PathBuf) {
    let (here, mut there) = (chain(), chain());
    here.run();
    let folder = here.path("remote");
    here.store().push(&remote(&folder), QUIET).unwrap();
    there.plan.name = "elsewhere".into();
    (here, there, folder)
}

fn pull(project: &Project, folder: &Path) -> Pulled {
    project.store().pull_plan(&remote(folder), &project.plan, QUIET).unwrap()
}

fn run_from(project: &Project, remote: Remote) -> (Summary, Vec<String>) {
    let (store, heard) = (project.store().with_remote(remote), Heard::default());
    let options = Options { jobs: 2, ..Options::default() };
    let summary = run(&project.plan, &store, &options, &heard).unwrap();
    assert!(summary.succeeded(), "{summary:?}");
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
    assert!(store.verify(QUIET).unwrap().is_sound());
    (summary, heard.lines.into_inner())
}

#[test]
fn what_is_pushed_can_be_pulled() {
    let (here, there, folder) = pushed();
    let again = here.store().push(&remote(&folder), QUIET).unwrap();
    assert_eq!((again.objects, again.records, again.there), (0, 0, 9));
    let pulled = pull(&there, &folder);
    assert_eq!((pulled.arrived, pulled.here, pulled.objects), (3, 0, 6));
    assert!(pulled.absent.is_empty() && pulled.refused.is_empty());
    assert!(there.run().ran.is_empty());
    assert_eq!(pull(&there, &folder).here, 3);
    for file in files(&there.path(".runner/objects")) {
        assert!(file.metadata().unwrap().permissions().readonly(), "{}", file.display());
    }
    assert!(files(&there.path(".runner/tmp")).iter().all(|path| path.ends_with(".gate")));
}

#[test]
fn all_can_be_pulled_without_a_plan() {
    let (_here, there, folder) = pushed();
    let pulled = there.store().pull_all(&remote(&folder), QUIET).unwrap();
    assert_eq!((pulled.arrived, pulled.here), (3, 0));
    assert_eq!(there.store().pull_all(&remote(&folder), QUIET).unwrap().here, 3);
    assert!(there.run().ran.is_empty());
}

#[test]
fn a_push_that_was_cut_short_goes_on() {
    let (here, there, folder) = pushed();
    // What a push that died between its halves leaves: some objects, no records, and a torn upload.
    std::fs::remove_dir_all(folder.join("actions")).unwrap();
    let objects = files(&folder.join("objects"));
    std::fs::remove_file(&objects[0]).unwrap();
    std::fs::write(&objects[1], "").unwrap();
    assert_eq!(pull(&there, &folder).absent, ["first", "middle", "last"]);
    let pushed = here.store().push(&remote(&folder), QUIET).unwrap();
    assert_eq!((pushed.objects, pushed.records, pushed.there), (2, 3, 4));
    assert_eq!(pull(&there, &folder).arrived, 3);
    assert!(there.run().ran.is_empty());
}

#[test]
fn corruption_is_not_pushed() {
    let project = chain();
    project.run();
    overwrite(&object(&project, "2 a(1)"), "2 a(X)");
    let folder = project.path("remote");
    let pushed = project.store().push(&remote(&folder), QUIET).unwrap();
    assert_eq!((pushed.records, pushed.left_out.len()), (2, 1));
    assert!(pushed.left_out[0].contains("corrupt"), "{pushed:?}");
    assert!(files(&folder).iter().all(|path| std::fs::read(path).unwrap() != b"2 a(X)"));
}

#[test]
fn a_large_file_goes_up_in_pieces_and_comes_down_whole() {
    let text = "large ".repeat(3 << 20);
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("large"), &text).unwrap();
    let source = files.path().join("large").to_string_lossy().into_owned();
    let project = || Project::new().node("large", json!({"source": source}), &[]);
    let (here, there) = (project(), project());
    here.run();
    let folder = here.path("remote");
    here.store().push(&remote(&folder), QUIET).unwrap();
    assert_eq!(pull(&there, &folder).arrived, 1);
    assert!(there.run().ran.is_empty());
    assert_eq!(object(&there, &text).metadata().unwrap().len(), text.len() as u64);
}

#[test]
fn a_run_fetches_what_it_misses_and_runs_what_the_remote_misses() {
    let (_here, mut there, folder) = pushed();
    there.set("first", "count", "fetched from a remote");
    let (summary, _) = run_from(&there, remote(&folder));
    // Another key, the same bytes: what depends on it is fetched.
    assert_eq!((summary.ran.as_slice(), summary.cached.len()), (["first".to_owned()].as_slice(), 2));
    assert_eq!(runs("fetched from a remote"), 1);
    let store = there.store().with_remote(remote(&folder));
    assert!(store.fetched().is_none());
    run(&there.plan, &store, &Options::default(), &Heard::default()).unwrap();
    assert!(store.fetched().is_none(), "what is here was fetched again");
}

#[test]
fn an_object_that_is_lost_here_comes_from_the_remote() {
    let (here, _there, folder) = pushed();
    std::fs::remove_file(object(&here, "2 a(1)")).unwrap();
    let (summary, _) = run_from(&here, remote(&folder));
    assert!(summary.ran.is_empty(), "{summary:?}");
}

#[test]
fn a_repair_fetches_good_copies() {
    let (here, _there, folder) = pushed();
    overwrite(&object(&here, "2 a(1)"), "2 a(X)");
    let record = files(&here.path(".runner/actions")).remove(0);
    std::fs::write(record, "torn").unwrap();
    let store = here.store().with_remote(remote(&folder));
    let repair = store.repair(&store.verify(QUIET).unwrap()).unwrap();
    assert!(repair.run_again.is_empty(), "{repair:?}");
    assert!(!repair.fetched.is_empty());
    assert!(store.verify(QUIET).unwrap().is_sound());
    assert!(here.run().ran.is_empty());
}

#[test]
fn a_remote_that_is_not_there_is_a_note() {
    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (summary, lines) = run_from(&chain(), Remote::open(&format!("http://127.0.0.1:{port}/")).unwrap());
    assert_eq!(summary.ran.len(), 3);
    let notes = lines.iter().filter(|line| line.contains("going on without it"));
    assert_eq!(notes.count(), 1, "{lines:?}");
    let (summary, lines) = run_from(&chain(), remote(Path::new("/there/is/no/such/folder")));
    assert_eq!(summary.ran.len(), 3, "{lines:?}");
}

/// Where a remote keeps what has this text.
fn there(folder: &Path, text: &[u8]) -> PathBuf {
    let digest = Digest::of_bytes(text).to_string();
    folder.join("objects").join(&digest[..2]).join(&digest[2..])
}

/// Changes what a remote holds, then pulls and runs from it: nothing of the lie may arrive.
fn lied_to(lie: impl Fn(&Path), why: &str) {
    let (_here, there, folder) = pushed();
    lie(&folder);
    let pulled = pull(&there, &folder);
    assert!(pulled.refused.iter().any(|refused| refused.contains(why)), "{why}: {pulled:?}");
    assert!(!pulled.absent.is_empty(), "{pulled:?}");
    assert!(there.store().verify(QUIET).unwrap().is_sound());
    assert!(files(&there.path(".runner/tmp")).iter().all(|path| path.ends_with(".gate")));
    let (summary, lines) = run_from(&there, remote(&folder));
    assert!(!summary.ran.is_empty(), "{summary:?}");
    assert!(lines.iter().any(|line| line.contains(why)), "{why}: {lines:?}");
    assert!(!there.folder.path().join("evil").exists());
}

/// The record of the stage that wrote `text`, with a change.
fn edit_record(folder: &Path, seed: &str, edit: impl Fn(&mut Value)) {
    for path in files(&folder.join("actions")) {
        let mut value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if value["manifest"]["params"]["text"] == seed {
            edit(&mut value);
            std::fs::write(path, value.to_string()).unwrap();
            return;
        }
    }
    panic!("no record of {seed}");
}

/// Puts a listing into the remote and has the first stage's record name it.
fn name_listing(folder: &Path, files: &Value) {
    let text = canonical_json(&json!({"files": files}));
    let path = there(folder, text.as_bytes());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, &text).unwrap();
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    edit_record(folder, "1", |record| record["outputs"]["out"] = digest.clone().into());
}

fn file(path: &str, size: u64) -> Value {
    json!({"path": path, "size": size, "sha256": Digest::of_bytes(b"1").to_string()})
}

#[test]
fn a_flipped_byte_is_thrown_away() {
    lied_to(|folder| std::fs::write(there(folder, b"2 a(1)"), "2 a(X)").unwrap(), "its bytes have the digest");
}

#[test]
fn a_file_of_another_size_is_thrown_away() {
    lied_to(|folder| std::fs::write(there(folder, b"1"), vec![b'1'; 1 << 20]).unwrap(), "instead of 1");
}

#[test]
fn a_listing_that_leaves_its_folder_is_thrown_away() {
    lied_to(|folder| name_listing(folder, &json!([file("../../../evil", 1)])), "would leave its folder");
    lied_to(|folder| name_listing(folder, &json!([file("/tmp/evil", 1)])), "would leave its folder");
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_fetched() {
    lied_to(|folder| name_listing(folder, &json!([file("a", u64::MAX), file("b", 2)])), "absurd");
    let other = Digest::of_bytes(b"not here").to_string();
    let huge = json!([{"path": "a", "size": 1_u64 << 60, "sha256": other}]);
    lied_to(|folder| name_listing(folder, &huge), "free");
}

#[test]
fn a_record_of_another_key_is_refused() {
    let swap = |folder: &Path| {
        let records = files(&folder.join("actions"));
        std::fs::copy(&records[0], &records[1]).unwrap();
    };
    lied_to(swap, "the record of another key");
    lied_to(|folder| edit_record(folder, "1", |record| record["manifest"]["seed"] = 7.into()), "another key");
    lied_to(|folder| edit_record(folder, "2", |record| record["seconds"] = (-1).into()), "cannot have taken");
    lied_to(|folder| edit_record(folder, "2", |record| record["log_tail"] = "x".repeat(17 << 20).into()), "more than");
}

#[test]
fn a_remote_without_an_object_that_it_promises_is_said_to_lack_it() {
    lied_to(|folder| std::fs::remove_file(there(folder, b"1")).unwrap(), "has a record without its object");
}

/// Serves a folder by HTTP/1.1, one request a connection; what was asked for is kept.
fn serve(folder: PathBuf, lie: fn(&str, Vec<u8>) -> (usize, Vec<u8>)) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                request.extend(byte);
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            heard.lock().unwrap().push(request.lines().next().unwrap_or_default().to_owned());
            let answer = match std::fs::read(folder.join(&path)) {
                Ok(bytes) => {
                    let (length, bytes) = lie(&path, bytes);
                    let modified = "Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT";
                    let head = format!("HTTP/1.1 200 OK\r\n{modified}\r\nContent-Length: {length}\r\n");
                    [(head + "Connection: close\r\n\r\n").into_bytes(), bytes].concat()
                }
                Err(_) => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            };
            // Who has seen enough hangs up.
            let _ = stream.write_all(&answer);
        }
    });
    (url, asked)
}

#[test]
fn a_plain_web_server_is_a_remote_to_read_from() {
    let (here, elsewhere, folder) = pushed();
    let (url, asked) = serve(folder, |_, bytes| (bytes.len(), bytes));
    let remote = || Remote::open(&url).unwrap();
    assert!(matches!(here.store().push(&remote(), QUIET), Err(RemoteError::ReadOnly { .. })));
    assert!(matches!(here.store().pull_all(&remote(), QUIET), Err(RemoteError::NoListing { .. })));
    assert!(asked.lock().unwrap().is_empty());
    let (summary, _) = run_from(&elsewhere, remote());
    assert!(summary.ran.is_empty(), "{summary:?}");
    let asked = asked.lock().unwrap();
    assert!(asked.len() == 9 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
}

#[test]
fn a_web_server_that_cuts_off_is_no_source_of_halves() {
    let (_here, elsewhere, folder) = pushed();
    let cut = |path: &str, bytes: Vec<u8>| {
        let half = if path.starts_with("objects") { bytes.len() / 2 } else { bytes.len() };
        (bytes.len(), bytes[..half].to_vec())
    };
    let (url, _) = serve(folder, cut);
    let (summary, lines) = run_from(&elsewhere, Remote::open(&url).unwrap());
    assert_eq!(summary.ran.len(), 3);
    assert!(lines.iter().any(|line| line.contains("going on without it")), "{lines:?}");
}

#[test]
fn urls_that_mean_nothing_are_refused_with_what_would() {
    for url in ["/just/a/path", "ftp://host/x", "file://relative/path", "s3:///no-bucket"] {
        let error = Remote::open(url).err().unwrap().to_string();
        assert!(error.contains("s3://bucket/prefix") && error.contains(url), "{error}");
    }
    let error = Remote::open("ftp://me:secret@host/x").err().unwrap().to_string();
    assert!(!error.contains("secret"), "{error}");
}
