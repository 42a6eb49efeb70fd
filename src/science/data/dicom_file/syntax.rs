//! Transfer syntaxes (PS3.5 chapter 10): how a file's data set and its pixels are packed.

use super::super::content::LIMIT;
use super::Fault;
use super::elements::{Elements, Tag};
use flate2::read::DeflateDecoder;
use std::borrow::Cow;
use std::io::Read;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    /// Plain pixels, but in fragments.
    Encapsulated,
    Rle,
    Jpeg,
    /// Each frame by itself.
    DeflatedFrame,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub(super) uid: &'static str,
    pub(super) explicit: bool,
    deflated: bool,
    pub(super) coding: Coding,
}

const fn explicit(uid: &'static str, coding: Coding) -> Syntax {
    Syntax { uid, explicit: true, deflated: false, coding }
}

const IMPLICIT: Syntax = Syntax { uid: "1.2.840.10008.1.2", explicit: false, deflated: false, coding: Coding::Plain };
const EXPLICIT: Syntax = explicit("1.2.840.10008.1.2.1", Coding::Plain);

const KNOWN: [Syntax; 10] = [
    IMPLICIT,
    EXPLICIT,
    explicit("1.2.840.10008.1.2.1.98", Coding::Encapsulated),
    Syntax { uid: "1.2.840.10008.1.2.1.99", explicit: true, deflated: true, coding: Coding::Plain },
    explicit("1.2.840.10008.1.2.4.50", Coding::Jpeg),
    explicit("1.2.840.10008.1.2.4.51", Coding::Jpeg),
    explicit("1.2.840.10008.1.2.4.57", Coding::Jpeg),
    explicit("1.2.840.10008.1.2.4.70", Coding::Jpeg),
    explicit("1.2.840.10008.1.2.5", Coding::Rle),
    explicit("1.2.840.10008.1.2.8.1", Coding::DeflatedFrame),
];

/// Others that are met, by the start of their identifier.
const FOREIGN: [(&str, &str); 6] = [
    ("1.2.840.10008.1.2.2", "explicit VR big endian, retired"),
    ("1.2.840.10008.1.2.4.8", "JPEG-LS"),
    ("1.2.840.10008.1.2.4.9", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.20", "high-throughput JPEG 2000"),
    ("1.2.840.10008.1.2.4.11", "JPEG XL"),
    ("1.2.840.10008.1.2.4.10", "video"),
];

/// A data set that can be walked.
pub(super) struct Body<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) syntax: Syntax,
}

/// Finds the data set behind preamble and meta group, and inflates it where it is deflated.
///
/// A file may start right with its meta group, or (as exports from before PS3.10 do) with the data set: then the
/// letters of a value representation tell explicit from implicit.
pub(super) fn body(bytes: &[u8]) -> Result<Body<'_>, Fault> {
    let start = match bytes {
        [] => return Err(Fault::reason("the file is empty")),
        _ if bytes.get(128..132) == Some(b"DICM") => 132,
        [b'D', b'I', b'C', b'M', ..] => 4,
        [2, 0, _, 0, ..] => 0,
        [8, 0, _, _, first, second, ..] => {
            let explicit = first.is_ascii_uppercase() && second.is_ascii_uppercase();
            return Ok(Body { bytes: Cow::Borrowed(bytes), syntax: if explicit { EXPLICIT } else { IMPLICIT } });
        }
        _ => return Err(Fault::reason("it does not have the mark `DICM` at byte 128")),
    };
    let (meta, end) = Elements::meta(bytes, start)?;
    let uid = meta.text(Tag::TransferSyntax);
    let uid = uid.ok_or_else(|| Fault::reason("its header does not say which transfer syntax it is in"))?;
    let syntax = KNOWN.into_iter().find(|syntax| syntax.uid == uid).ok_or_else(|| foreign(&uid))?;
    let rest = bytes.get(end..).unwrap_or_default();
    let bytes = if syntax.deflated { Cow::Owned(inflated(rest, LIMIT)?) } else { Cow::Borrowed(rest) };
    Ok(Body { bytes, syntax })
}

fn foreign(uid: &str) -> Fault {
    let named = FOREIGN.iter().filter(|(start, _)| uid.starts_with(start)).max_by_key(|(start, _)| start.len());
    let name = named.map(|(_, name)| format!(" ({name})")).unwrap_or_default();
    let uid = uid.escape_debug();
    Fault::Reason(format!("its transfer syntax {uid}{name} is not read here; convert it to explicit VR little endian"))
}

/// Inflates a raw deflate stream that must hold at most `limit` bytes.
pub(super) fn inflated(bytes: &[u8], limit: u128) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let read = DeflateDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut inflated);
    read.map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => Fault::Truncated,
        _ => Fault::Reason(format!("its deflated part is damaged: {e}")),
    })?;
    match inflated.len() as u128 <= limit {
        true => Ok(inflated),
        false => Err(Fault::Reason(format!("its deflated part holds more than the {limit} bytes that it may"))),
    }
}
