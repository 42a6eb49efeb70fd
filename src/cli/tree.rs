//! A lineage as a tree of lines.

use crate::engine::history::entry_of;
use crate::engine::lineage::{Link, Step, Target};

/// The stage that made a result, and below it what it read. Without `long`, of several instances of an entry on one
/// port the first alone, and how many there are.
pub fn text(step: &Step, long: bool) -> String {
    let mut lines = format!("{}\n", line(step));
    below(&mut lines, "", step, long);
    lines
}

fn below(lines: &mut String, indent: &str, step: &Step, long: bool) {
    let mut children: Vec<Child<'_>> = Vec::new();
    for link in &step.inputs {
        match (&link.to, children.last_mut()) {
            (Target::Step(next), Some(Child::Link { link: last, more, .. })) if !long && alike(last, link, next) => {
                *more += 1
            }
            _ => children.push(Child::Link { link, more: 0 }),
        }
    }
    if !step.repeated {
        children.extend(
            step.sources
                .iter()
                .map(|(parameter, digest)| Child::Text(format!("{parameter}: files, sha256 {}", digest.short()))),
        );
        children.extend(seed(step).map(Child::Text));
    }
    let children: Vec<Child<'_>> = children.into_iter().flat_map(Child::spread).collect();
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let (branch, deeper) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push_str(&format!("{indent}{branch}{}\n", child.line(indent.is_empty())));
        if let Child::Link { link: Link { to: Target::Step(step), .. }, .. } = child {
            below(lines, &format!("{indent}{deeper}"), step, long);
        }
    }
}

/// What is made from a seed alone comes from no file.
fn seed(step: &Step) -> Option<String> {
    let alone = step.inputs.is_empty() && step.sources.is_empty();
    step.seed.filter(|_| alone).map(|seed| format!("no files from outside: made from seed {seed}"))
}

enum Child<'a> {
    Link { link: &'a Link, more: usize },
    Text(String),
}

impl<'a> Child<'a> {
    /// The instances that are not shown get a line of their own.
    fn spread(self) -> Vec<Child<'a>> {
        match self {
            Child::Link { link, more } if more > 0 => {
                let Target::Step(step) = &link.to else { return vec![Child::Link { link, more: 0 }] };
                let text = format!("{}: and {more} more of {} (--long lists them)", link.port, entry_of(&step.id));
                vec![Child::Link { link, more: 0 }, Child::Text(text)]
            }
            child => vec![child],
        }
    }

    fn line(&self, at_root: bool) -> String {
        match self {
            Child::Text(text) => text.clone(),
            Child::Link { link, .. } => match &link.to {
                Target::Step(step) => format!("{}: {}", link.port, line(step)),
                Target::LeftOut { count } if at_root => format!("{}: and {count} more, of other cells", link.port),
                Target::LeftOut { count } => format!("{}: {count}, of more than this cell", link.port),
                Target::Unknown { digest } => {
                    format!("{}: {}, which no stage of provenance.json made", link.port, digest.short())
                }
            },
        }
    }
}

fn line(step: &Step) -> String {
    let above = if step.repeated { "  (as above)" } else { "" };
    format!("{}.{} {}  key {}{above}", step.id, step.output, step.digest.short(), step.key.short())
}

/// Whether two links of a port come from instances of one entry.
fn alike(last: &Link, link: &Link, next: &Step) -> bool {
    matches!(&last.to, Target::Step(step) if last.port == link.port && entry_of(&step.id) == entry_of(&next.id))
}
