//! Reasons of many stages, said once for each entry of the pipeline.

use super::text::plural;
use crate::engine::history::entry_of;
use crate::engine::{NodeStatus, State};
use crate::plan::dirty::DirtyReason;

/// The instances of an entry and what is said of them: each line with the number of instances that it holds for.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    pub entry: &'a str,
    pub count: usize,
    pub lines: Vec<(String, usize)>,
}

/// Gathers instances by entry, in the order in which entries first appear.
pub fn group<'a>(all: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (entry, lines) in all {
        let index = groups.iter().position(|group| group.entry == entry).unwrap_or_else(|| {
            groups.push(Group { entry, count: 0, lines: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[index];
        group.count += 1;
        for line in &lines {
            match group.lines.iter_mut().find(|(known, _)| known == line) {
                Some((_, count)) => *count += 1,
                None => group.lines.push((line.clone(), 1)),
            }
        }
    }
    groups
}

impl Group<'_> {
    /// One reason a line, indented; with the number of instances where it doesn't hold for all.
    pub fn text(&self) -> String {
        let line = |(line, count): &(String, usize)| {
            let some = if *count < self.count { format!("  ({count} of them)") } else { String::new() };
            format!("    {line}{some}\n")
        };
        self.lines.iter().map(line).collect()
    }
}

/// What can be said of several instances at once: no digests, no coordinates. Each line once.
pub fn brief(reasons: &[DirtyReason]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for reason in reasons {
        let line = match reason {
            DirtyReason::Input { port, was: Some(_), is: Some(_), .. } => format!("input {port}: other bytes"),
            DirtyReason::Input { port, was: None, .. } => format!("input {port}: gathers more"),
            DirtyReason::Input { port, .. } => format!("input {port}: gathers less"),
            DirtyReason::Upstream { node } => format!("after {}, which runs first", entry_of(node)),
            DirtyReason::Source { parameter, .. } => format!("files of {parameter}: other bytes"),
            reason => reason.to_string(),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Of stages that would run, grouped: `train: 18 of 18 would run` and why.
pub fn would_run(all: &[NodeStatus]) -> String {
    let instances = |entry: &str| all.iter().filter(|status| status.entry == entry).count();
    let lines = |status: &NodeStatus| match &status.state {
        State::WouldRun { reasons } => brief(reasons),
        State::Broken { error } => vec![format!("would fail: {error}")],
        State::Cached => Vec::new(),
    };
    let changed = all.iter().filter(|status| !status.cached()).map(|status| (status.entry.as_str(), lines(status)));
    let text = |group: &Group<'_>| {
        let of = instances(group.entry);
        let head = if of == 1 { String::new() } else { format!("{} of {of} ", group.count) };
        format!("{}: {head}would run\n{}", group.entry, group.text())
    };
    group(changed).iter().map(text).collect()
}

/// One line an entry: how many instances are cached, and would run.
pub fn counts_by_entry(all: &[NodeStatus]) -> Vec<Vec<String>> {
    let word = |status: &NodeStatus| match status.state {
        State::Cached => "cached",
        State::WouldRun { .. } => "would run",
        State::Broken { .. } => "would fail",
    };
    let groups = group(all.iter().map(|status| (status.entry.as_str(), vec![word(status).to_owned()])));
    let line = |group: &Group<'_>| {
        let words: Vec<String> = group.lines.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let words = if let [(word, _)] = group.lines.as_slice() { word.clone() } else { words.join(", ") };
        vec![group.entry.to_owned(), plural(group.count, "stage"), words]
    };
    groups.iter().map(line).collect()
}
