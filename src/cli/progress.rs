use super::text::duration;
use crate::engine::{Event, How, Observer};
use crate::plan::Node;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows a run: bars on a terminal, plain lines elsewhere. Both go to stderr.
pub enum Screen {
    Bars(Bars),
    Lines(Lines),
}

impl Screen {
    pub fn new(stages: usize) -> Self {
        if std::io::stderr().is_terminal() {
            Screen::Bars(Bars::new(stages))
        } else {
            Screen::Lines(Lines::new(stages))
        }
    }

    /// Takes the bars away, so that the summary stands alone.
    pub fn clear(&self) {
        if let Screen::Bars(bars) = self {
            bars.all.clear().unwrap_or_default();
        }
    }
}

impl Observer for Screen {
    fn event(&self, event: &Event<'_>) {
        match self {
            Screen::Bars(bars) => bars.event(event),
            Screen::Lines(lines) => lines.event(event),
        }
    }
}

/// A bar for the run, and one for each stage that runs.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    stages: RefCell<BTreeMap<String, ProgressBar>>,
    counts: RefCell<Counts>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    ran: usize,
    cached: usize,
    failed: usize,
}

impl Bars {
    fn new(stages: usize) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(stages as u64));
        total.set_style(style("{bar:20} {pos}/{len} stages · {msg} · {elapsed}{prefix}"));
        total.enable_steady_tick(Duration::from_secs(1));
        Bars { all, total, stages: RefCell::default(), counts: RefCell::default() }
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { node, .. } => self.start(node),
            Event::Progress { node, done, total, message } => {
                if let Some(bar) = self.stages.borrow().get(&node.id) {
                    bar.set_length(*total);
                    bar.set_position(*done);
                    bar.set_message((*message).to_owned());
                }
            }
            Event::Finished { node, how, .. } => {
                let mut counts = self.counts.borrow_mut();
                match how {
                    How::Ran => counts.ran += 1,
                    How::Cached => counts.cached += 1,
                }
                drop(counts);
                self.end(node);
            }
            Event::Failed { node, error, .. } => {
                self.counts.borrow_mut().failed += 1;
                self.say(&format!("failed   {}: {error}", node.id));
                self.end(node);
            }
            Event::Skipped { node, because } => {
                self.say(&format!("skipped  {}: {because} failed", node.id));
                self.end(node);
            }
            Event::Note { message } => self.say(message),
            Event::Remaining { duration: left } => self.total.set_prefix(format!(", about {} left", duration(*left))),
            Event::Log { node, line } if is_warning(line) => self.say(&format!("{}: {line}", node.id)),
            Event::Log { .. } | Event::Published { .. } => {}
        }
    }

    fn start(&self, node: &Node) {
        let bar = self.all.add(ProgressBar::new(0));
        bar.set_style(style("  {spinner} {prefix} {bar:20} ETA {eta} · {wide_msg}"));
        bar.set_prefix(node.id.clone());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.stages.borrow_mut().insert(node.id.clone(), bar);
        self.count();
    }

    fn end(&self, node: &Node) {
        if let Some(bar) = self.stages.borrow_mut().remove(&node.id) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        self.total.inc(1);
        self.count();
    }

    fn count(&self) {
        let Counts { ran, cached, failed } = *self.counts.borrow();
        let running = self.stages.borrow().len();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        self.total.set_message(format!("{running} running, {ran} ran, {cached} cached{failed}"));
    }

    fn say(&self, line: &str) {
        // Only a terminal that went away can't be written to.
        self.all.println(line).unwrap_or_default();
    }
}

/// The templates are constants; a wrong one falls back to indicatif's own.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line when a stage starts and ends, and one now and then between.
pub struct Lines {
    stages: usize,
    done: RefCell<usize>,
    said: RefCell<BTreeMap<String, Instant>>,
}

const NOW_AND_THEN: Duration = Duration::from_secs(10);

impl Lines {
    fn new(stages: usize) -> Self {
        Lines { stages, done: RefCell::new(0), said: RefCell::default() }
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { node, .. } => {
                self.said.borrow_mut().insert(node.id.clone(), Instant::now());
                eprintln!("started  {}", node.id);
            }
            Event::Progress { node, done, total, message } => {
                let mut said = self.said.borrow_mut();
                if said.get(&node.id).is_none_or(|said| said.elapsed() >= NOW_AND_THEN) {
                    said.insert(node.id.clone(), Instant::now());
                    eprintln!("         {}: {done}/{total} {message}", node.id);
                }
            }
            Event::Finished { node, how, duration: took } => {
                let count = self.count();
                // A cached stage is no news: the summary counts it.
                if *how == How::Ran {
                    eprintln!("finished {} in {} ({count})", node.id, duration(*took));
                }
            }
            Event::Failed { node, error, .. } => eprintln!("failed   {}: {error} ({})", node.id, self.count()),
            Event::Skipped { node, because } => {
                eprintln!("skipped  {}: {because} failed ({})", node.id, self.count());
            }
            Event::Note { message } => eprintln!("note     {message}"),
            Event::Log { node, line } if is_warning(line) => eprintln!("note     {}: {line}", node.id),
            Event::Log { .. } | Event::Remaining { .. } | Event::Published { .. } => {}
        }
    }

    fn count(&self) -> String {
        *self.done.borrow_mut() += 1;
        format!("{}/{}", self.done.borrow(), self.stages)
    }
}

/// What a stage says to the user, not to its log alone.
fn is_warning(line: &str) -> bool {
    line.starts_with("warning: ")
}
