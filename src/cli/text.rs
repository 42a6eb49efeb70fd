//! What commands say, as pure functions of what they know.

use crate::engine::{NodeStatus, State, Summary};
use crate::plan::dirty::DirtyReason;
use std::fmt::Write;
use std::time::Duration;

/// `73 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `2026-11-25 09:01:21`, in UTC.
pub fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's days-to-civil, for days from 1970 on: years begin in March, so that leap days end them.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest % 3600 / 60, rest % 60)
}

/// `512 B`, `73.1 kB`, `1.2 GB`.
pub fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut value = count as f64 / 1000.0;
    if count < 1000 {
        return format!("{count} B");
    }
    for unit in &units[..3] {
        if value < 999.95 {
            return format!("{value:.1} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} {}", units[3])
}

/// Rows of cells as aligned columns, two blanks between them.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// `1 run`, `2 runs`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// A stage that would run, and why, one reason a line.
pub fn reasons(status: &NodeStatus) -> String {
    let mut text = String::new();
    match &status.state {
        State::Cached => text += &format!("{}: cached\n", status.id),
        State::Broken { error } => text += &format!("{}: would fail\n    {error}\n", status.id),
        State::WouldRun { reasons } => {
            text += &format!("{}: would run\n", status.id);
            text += &folded(reasons);
        }
    }
    text
}

/// Reasons one a line; stages of one entry that run first share a line.
fn folded(reasons: &[DirtyReason]) -> String {
    let mut lines: Vec<(String, Option<String>, usize)> = Vec::new();
    for reason in reasons {
        let entry = match reason {
            DirtyReason::Upstream { node } => node.split_once('[').map(|(entry, _)| entry.to_owned()),
            _ => None,
        };
        match lines.iter_mut().find(|(_, known, _)| entry.is_some() && *known == entry) {
            Some((_, _, count)) => *count += 1,
            None => lines.push((reason.to_string(), entry, 1)),
        }
    }
    let line = |(reason, entry, count): &(String, Option<String>, usize)| match entry {
        Some(entry) if *count > 1 => format!("    after {count} of {entry}, which run first\n"),
        _ => format!("    {reason}\n"),
    };
    lines.iter().map(line).collect()
}

/// As [`tally`], with the time that these stages took before.
pub fn counts(all: &[NodeStatus]) -> String {
    let seconds: f64 = all.iter().filter(|status| !status.cached()).filter_map(|status| status.last_seconds).sum();
    if seconds == 0.0 {
        return tally(all);
    }
    let took = duration(Duration::from_secs_f64(seconds));
    format!("{}; those that ran before took {took}\n", tally(all).trim_end())
}

/// `12 of 54 stages would run (train 6, evaluate 6), 42 cached`.
pub fn tally(all: &[NodeStatus]) -> String {
    let cached = all.iter().filter(|status| status.cached()).count();
    if cached == all.len() {
        return format!("all {cached} stages cached\n");
    }
    let mut entries: Vec<(&str, usize)> = Vec::new();
    for status in all.iter().filter(|status| !status.cached()) {
        match entries.iter_mut().find(|(entry, _)| *entry == status.entry) {
            Some((_, count)) => *count += 1,
            None => entries.push((&status.entry, 1)),
        }
    }
    let entries: Vec<String> = entries.iter().map(|(entry, count)| format!("{entry} {count}")).collect();
    let run = all.len() - cached;
    format!("{run} of {} stages would run ({}), {cached} cached\n", all.len(), entries.join(", "))
}

/// The closing lines of a run.
pub fn summary(summary: &Summary) -> String {
    let (ran, cached, took) = (summary.ran.len(), summary.cached.len(), duration(summary.duration));
    let all = ran == 0 && summary.succeeded();
    let mut text =
        if all { format!("all {cached} stages cached ({took})\n") } else { format!("{ran} ran, {cached} cached") };
    if !all {
        let parts = [("failed", summary.failed.len()), ("skipped", summary.skipped.len())];
        let parts = parts.into_iter().chain([("stopped", summary.cancelled.len())]);
        parts.filter(|(_, count)| *count > 0).for_each(|(name, count)| text += &format!(", {count} {name}"));
        text += &format!(" in {took}\n");
    }
    for failure in &summary.failed {
        let _ = writeln!(text, "failed: {}: {}", failure.node, failure.error);
        failure.log_tail.iter().for_each(|line| text += &format!("    | {line}\n"));
        if failure.log.is_file() {
            let _ = writeln!(text, "    log: {}", failure.log.display());
        }
        if let Some(again) = &failure.again {
            let _ = writeln!(text, "    again: {again}");
        }
    }
    if !summary.published.is_empty() {
        let folder = summary.results.display();
        if all {
            let _ = writeln!(text, "results: {folder}/ ({} files)", summary.published.len());
        } else {
            let _ = writeln!(text, "results: {folder}/");
            summary.published.iter().for_each(|path| text += &format!("    {}\n", path.display()));
        }
    }
    text
}
