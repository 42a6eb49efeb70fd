//! What `runner cache` says, as pure functions of what it knows.

use super::text::duration;
use crate::engine::cache::{Gc, Going, Pile, Pulled, Pushed, Repair, Size, Usage, Verification, shown_bytes};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// More of a kind aren't listed one by one.
const SHOWN: usize = 20;

/// `prefix` before each; cut short after a number of them.
pub fn lines<S: AsRef<str>>(prefix: &str, all: &[S]) -> String {
    let mut text: String = all.iter().take(SHOWN).map(|line| format!("{prefix}{}\n", line.as_ref())).collect();
    if all.len() > SHOWN {
        let _ = writeln!(text, "{prefix}and {} more", all.len() - SHOWN);
    }
    text
}

pub fn usage(root: &Path, usage: &Usage) -> String {
    let mut text = format!("{}: {}\n", root.display(), shown_bytes(usage.bytes));
    let mut row = |name: &str, size: &Size, note: &str| {
        let _ = writeln!(text, "  {name:<10}{:>9}  {:>12}{note}", size.count, shown_bytes(size.bytes));
    };
    row("objects", &usage.objects, "");
    row("records", &usage.records, "");
    let shared = format!(", of which {} are links to objects", shown_bytes(usage.trees.shared));
    row("trees", &usage.trees, if usage.trees.count > 0 { &shared } else { "" });
    let rest = [("scratch", &usage.scratch, ", checkpoints of stages that did not finish"), ("logs", &usage.logs, "")];
    let more = [("journals", &usage.journals, ""), ("corrupt", &usage.corrupt, ", set aside"), ("tmp", &usage.tmp, "")];
    rest.iter().chain(&more).filter(|(_, size, _)| size.count > 0).for_each(|(name, size, note)| row(name, size, note));
    if usage.unneeded.count > 0 {
        let (count, bytes) = (usage.unneeded.count, shown_bytes(usage.unneeded.bytes));
        let _ = writeln!(text, "{} needed by no record ({bytes}): `runner cache gc` frees them", objects(count));
    }
    for holding in &usage.pipelines {
        let (stages, bytes) = (holding.stages, shown_bytes(holding.bytes));
        let line = format!("latest results of {}: {stages} stages, {}", holding.pipeline, objects(holding.objects));
        let _ = writeln!(text, "{line}, {bytes}");
    }
    text
}

fn objects(count: u64) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}

pub fn verification(root: &Path, found: &Verification) -> String {
    let mut text = String::new();
    let damages = found.damages.iter().map(|damage| {
        let path = damage.path.strip_prefix(root).unwrap_or(&damage.path);
        format!("{}: {}", path.display(), damage.what)
    });
    text += &lines("corrupt: ", &damages.collect::<Vec<_>>());
    let broken = found.broken.iter().map(|broken| format!("{}: {}", broken.stage, broken.what));
    text += &lines("lost: ", &broken.collect::<Vec<_>>());
    let (objects, bytes) = (objects(found.objects), shown_bytes(found.bytes));
    let _ = writeln!(text, "{objects} ({bytes}), {} records and {} trees checked", found.records, found.trees);
    text += if found.is_sound() { "all is sound\n" } else { "" };
    text
}

pub fn repair(found: &Verification, repair: &Repair) -> String {
    let mut text = String::new();
    if !repair.set_aside.is_empty() {
        let _ = writeln!(text, "{} set aside in corrupt/", repair.set_aside.len());
    }
    if repair.removed > 0 {
        let _ = writeln!(text, "{} removed that are made anew when needed", repair.removed);
    }
    text += &lines("fetched: ", &repair.fetched);
    text += &lines("runs again: ", &repair.run_again);
    text += if found.is_sound() { "" } else { "the store is sound now\n" };
    text
}

pub fn gc(gc: &Gc, dry: bool) -> String {
    let mut text = String::new();
    if gc.is_empty() {
        text += "nothing to remove\n";
    }
    let verb = if dry { "would remove" } else { "removed" };
    text += &lines(&format!("{verb} "), &gc.records.iter().map(record).collect::<Vec<_>>());
    if !gc.records.is_empty() {
        let (count, took) = (gc.records.len(), duration(Duration::try_from_secs_f64(gc.seconds()).unwrap_or_default()));
        let _ = writeln!(text, "{count} results in all, which took {took} to make");
    }
    let piles = [
        ("objects", &gc.objects),
        ("trees", &gc.trees),
        ("scratch folders", &gc.scratch),
        ("logs", &gc.logs),
        ("journals", &gc.journals),
        ("corrupt files", &gc.corrupt),
        ("leftovers", &gc.leftovers),
    ];
    let pile = |(name, pile): &(&str, &Pile)| format!("{verb} {} {name} ({})\n", pile.count, shown_bytes(pile.bytes));
    text.extend(piles.iter().filter(|(_, pile)| pile.count > 0).map(pile));
    let (freed, kept) = (shown_bytes(gc.bytes()), shown_bytes(gc.kept_bytes));
    let _ = writeln!(text, "{freed} freed; {} results stay, the store takes {kept}", gc.kept_records);
    if gc.of_no_known_stage > 0 {
        let _ = writeln!(text, "{} results of no known stage stay; --older-than can name them", gc.of_no_known_stage);
    }
    if let Some(over) = gc.over {
        let _ = writeln!(
            text,
            "{} above --max-size stay: the latest results need them (--keep-last 0 gives these up too)",
            shown_bytes(over)
        );
    }
    text
}

fn record(going: &Going) -> String {
    let names: Vec<String> = going.stages.iter().map(|(pipeline, node)| format!("{node} of {pipeline}")).collect();
    let name = if names.is_empty() { format!("a {} stage", going.kind) } else { names.join(", ") };
    let latest = if going.latest { ", its LATEST result" } else { "" };
    let took = duration(Duration::try_from_secs_f64(going.seconds).unwrap_or_default());
    format!("{name} ({}){latest}, which took {took}", going.key.short())
}

pub fn pushed(url: &str, pushed: &Pushed) -> String {
    let (objects, bytes) = (objects(pushed.objects), shown_bytes(pushed.bytes));
    let mut text = format!("{objects} ({bytes}) and {} records sent to {url}; ", pushed.records);
    let _ = writeln!(text, "{} were there", pushed.there);
    text + &lines("left out: ", &pushed.left_out)
}

pub fn pulled(url: &str, pulled: &Pulled) -> String {
    let (objects, bytes) = (objects(pulled.objects), shown_bytes(pulled.bytes));
    let (came, here) = (pulled.arrived, pulled.here);
    let mut text = format!("{came} results fetched from {url} ({objects}, {bytes}); {here} were here\n");
    text += &lines("refused: ", &pulled.refused);
    if !pulled.absent.is_empty() {
        let _ = writeln!(text, "{} stages are not there, and would run:", pulled.absent.len());
        text += &lines("    ", &pulled.absent);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn what_would_be_lost_is_named_with_its_price() {
        let stages = [("ablation".to_owned(), "train[fold=0]".to_owned())].into();
        let (key, kind) = (Digest::of_bytes(b"key"), "train".to_owned());
        let going = Going { key, stages, kind, seconds: 3700.0, last_used: 0, latest: true };
        let mut gc = Gc::default();
        (gc.records, gc.kept_records, gc.over) = (vec![going], 3, Some(2048));
        let expected = "\
            would remove train[fold=0] of ablation (2c70e12b7a06), its LATEST result, which took 1 h 1 min\n\
            1 results in all, which took 1 h 1 min to make\n\
            0 bytes freed; 3 results stay, the store takes 0 bytes\n\
            2.0 KiB above --max-size stay: the latest results need them (--keep-last 0 gives these up too)\n";
        assert_eq!(super::gc(&gc, true), expected);
    }
}
