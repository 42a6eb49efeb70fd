use super::fault::{Fault, SpecError};
use super::quick::read_quickly;
use super::tree::{Raw, span};
use super::{Located, Mark, Source, Tree};
use serde_saphyr::{MessageFormatter, UserMessageFormatter};
use std::sync::Arc;

/// Parses one YAML 1.2 document: duplicate keys are errors, and anchors can't blow it up.
pub fn parse(source: &Arc<Source>) -> Result<Tree, SpecError> {
    let quick = if source.text().len() > WORTH { read_quickly(source) } else { None };
    quick.map_or_else(|| parse_fully(source, 0), Ok)
}

/// In a text shorter than this, in bytes, nobody notices how it is read.
const WORTH: usize = 16 << 10;

/// Parses what stands behind byte `shift` of a source.
pub fn parse_fully(source: &Arc<Source>, shift: usize) -> Result<Tree, SpecError> {
    let options = serde_saphyr::options! {
        // 10,000 stages are some 200,000 nodes; what aliases unfold to is limited by itself.
        budget: serde_saphyr::budget! {
            max_nodes: 2_000_000, max_events: 4_000_000, max_aliases: 1_000, max_documents: 1
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        strict_booleans: true,
        with_snippet: false,
    };
    let text = source.text().get(shift..).unwrap_or_default();
    let raw: Raw = serde_saphyr::from_str_with_options(text, options).map_err(|error| broken(source, shift, &error))?;
    Ok(raw.into_tree(source, shift))
}

fn broken(source: &Arc<Source>, shift: usize, error: &serde_saphyr::Error) -> SpecError {
    let message = UserMessageFormatter.format_message(error).into_owned();
    let mark = match error.location() {
        Some(location) if location.span().byte_offset().is_some() => {
            let (offset, length) = span(&location);
            Mark::new(source, offset + shift, length)
        }
        // Errors of the scanner know lines and columns only; an argument is one line.
        Some(location) => Mark::new(source, position(source, shift, location.line(), location.column()), 0),
        None => Mark::new(source, shift, 0),
    };
    let reference = source.text().lines().any(unquoted_reference);
    Located::new(&mark, Fault::Yaml { message, reference })
}

fn position(source: &Source, shift: usize, line: u64, column: u64) -> usize {
    let (line, column) = (line as usize, column as usize);
    if line <= 1 { shift + column.saturating_sub(1) } else { source.offset(line, column) }
}

/// `[a, ${b}]` and `{ a: ${b} }` are no YAML, although they look right.
fn unquoted_reference(line: &str) -> bool {
    let Some(at) = line.find("${") else { return false };
    let before = &line[..at];
    before.contains(['[', '{']) && !before.contains(['"', '\''])
}
