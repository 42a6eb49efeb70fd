use super::attempt::{Attempt, Message, Outcome, tail};
use super::cache::{Entry, Journal, Lookup, Took, now};
use super::prepare::{self, Outputs, Prepared};
use super::publish::Publisher;
use super::request::{Failure, Options, Summary};
use super::retry::{Retries, Retry};
use super::schedule::{Budget, Queue, expected};
use super::select::{Part, named};
use super::workspace::Workspaces;
use super::{EngineError, Event, How, Observer, Store, provenance};
use crate::plan::{Node, Plan};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// Runs what is not cached, in parallel, and publishes results. `Err` says that the run itself could not go on;
/// stages that fail are in the summary.
pub fn run(plan: &Plan, store: &Store, options: &Options, observer: &dyn Observer) -> Result<Summary, EngineError> {
    let start = Instant::now();
    let mut run = Run::new(plan, store, options, observer)?;
    std::thread::scope(|scope| {
        let ended = run.work_through(scope);
        // On an error too: the scope waits for what still runs.
        run.stop.store(true, Ordering::Relaxed);
        ended
    })?;
    run.finish(start)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For a stage above it, or for its turn to be looked up.
    Waiting,
    /// In the queue or running.
    Queued,
    Done(How),
    Failed,
    Skipped {
        because: usize,
    },
    Cancelled,
    /// Takes no part in this run.
    LeftOut,
}

struct Run<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options,
    observer: &'a dyn Observer,
    forced: Vec<bool>,
    parts: Vec<Part>,
    dependents: Vec<Vec<usize>>,
    states: Vec<State>,
    prepared: Vec<Option<Prepared>>,
    outputs: Vec<Option<Outputs>>,
    /// How often each node ran again because its output was found corrupt.
    repairs: Vec<usize>,
    queue: Queue,
    /// Nodes that wait, and whose turn to be looked up may have come.
    woken: BTreeSet<usize>,
    /// Whether the queue knows how long stages last.
    timed: Timed,
    retries: Retries,
    running: Vec<usize>,
    /// Seen by the stages: the user's wish to stop, or a failure under `fail_fast`.
    stop: Arc<AtomicBool>,
    workspaces: Arc<Workspaces>,
    publisher: Option<Publisher<'a>>,
    journal: Journal,
    failures: Vec<Failure>,
    published: Vec<PathBuf>,
}

/// What the queue knows of how long stages last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    NotAsked,
    /// None of these stages ever ran.
    Unknown,
    Known,
}

/// A disk that corrupts faster than we rebuild is no disk to go on with.
const REPAIRS: usize = 3;

/// How often the user's wish to stop is looked at.
const TICK: Duration = Duration::from_millis(50);

impl<'a> Run<'a> {
    fn new(
        plan: &'a Plan,
        store: &'a Store,
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Result<Self, EngineError> {
        let count = plan.nodes.len();
        let dependents = prepare::dependents(plan);
        store.sweep()?;
        let budget = Budget { cpus: options.jobs, memory: options.memory, gpus: options.gpus };
        let queue = Queue::new(plan, &dependents, budget);
        let parts = options.select.parts(plan, &options.pinned)?;
        let state = |part: &Part| if *part == Part::LeftOut { State::LeftOut } else { State::Waiting };
        Ok(Run {
            plan,
            store,
            options,
            observer,
            forced: named(plan, &options.force)?,
            dependents,
            states: parts.iter().map(state).collect(),
            parts,
            prepared: vec![None; count],
            outputs: vec![None; count],
            repairs: vec![0; count],
            queue,
            woken: (0..count).collect(),
            timed: Timed::NotAsked,
            retries: Retries::new(count),
            running: Vec::new(),
            stop: Arc::default(),
            workspaces: Arc::default(),
            publisher: Some(Publisher::open(plan, store)?),
            journal: store.journal()?,
            failures: Vec::new(),
            published: Vec::new(),
        })
    }

    fn work_through<'scope>(&mut self, scope: &'scope Scope<'scope, '_>) -> Result<(), EngineError>
    where
        'a: 'scope,
    {
        let (sender, receiver) = mpsc::channel();
        let (at, pipeline) = (now(), self.plan.name.clone());
        let runner = env!("CARGO_PKG_VERSION").to_owned();
        self.journal.append(&Entry::RunStarted { at, pipeline, stages: self.plan.nodes.len(), runner })?;
        self.look_up_woken()?;
        loop {
            if self.options.cancel.load(Ordering::Relaxed) && !self.stop.swap(true, Ordering::Relaxed) {
                let message = "stopping: trainings go on from their last whole epoch; Ctrl-C again stops at once";
                self.observer.event(&Event::Note { message });
            }
            self.wake_delayed();
            self.start_what_fits(scope, &sender)?;
            if self.running.is_empty() && self.retries.are_none() {
                return self.pass_on_notes();
            }
            self.journal.flush()?;
            match receiver.recv_timeout(TICK) {
                Ok(message) => self.receive(message)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.pass_on_notes()?;
        }
    }

    /// Settles waiting nodes whose inputs are known, in the plan's order: what is a hit wakes others.
    fn look_up_woken(&mut self) -> Result<(), EngineError> {
        while let Some(index) = self.woken.pop_first() {
            if self.states[index] != State::Waiting {
                continue;
            }
            let node = &self.plan.nodes[index];
            if let Some(record) = self.options.pinned.get(&node.id) {
                let (manifest, key) = (record.manifest.clone(), record.key);
                self.prepared[index] = Some(Prepared { manifest, key });
                self.succeed(index, record.outputs.clone(), How::Cached, Duration::ZERO)?;
            } else if node.inputs.iter().all(|binding| matches!(self.states[binding.from], State::Done(_))) {
                self.look_up(index)?;
            }
        }
        Ok(())
    }

    /// Stages whose pause after a failure is over; all of them are given up when the run stops.
    fn wake_delayed(&mut self) {
        let stop = self.stop.load(Ordering::Relaxed);
        for index in self.retries.due(stop) {
            if stop {
                self.states[index] = State::Cancelled;
            } else {
                self.queue.push(index);
            }
        }
    }

    fn look_up(&mut self, index: usize) -> Result<(), EngineError> {
        let start = Instant::now();
        let prepared = match Prepared::of(self.plan, index, &self.outputs, self.store) {
            Ok(prepared) => prepared,
            Err(error @ EngineError::Source { .. }) => return self.fail(index, error.to_string()),
            Err(error) => return Err(error),
        };
        let forced = self.forced[index] && self.parts[index] == Part::Run;
        if !forced && let Some(outputs) = prepared.known(self.node(index), self.store) {
            self.prepared[index] = Some(prepared);
            return self.succeed(index, outputs, How::Cached, start.elapsed());
        }
        self.prepared[index] = Some(prepared.clone());
        if forced {
            return self.enqueue(index);
        }
        match prepared.lookup(self.node(index), self.store)? {
            Lookup::Hit(record) => self.succeed(index, record.outputs, How::Cached, start.elapsed()),
            Lookup::Miss | Lookup::Lost { .. } if self.parts[index] == Part::LookUp => {
                let error = "it is not cached, and this run leaves it out: run it first, or ask for `--until`";
                self.fail(index, error.to_owned())
            }
            Lookup::Miss => self.enqueue(index),
            Lookup::Lost { what } => {
                self.store.note(format!("{} runs again: its output is lost ({what})", self.node(index).id));
                self.enqueue(index)
            }
        }
    }

    fn enqueue(&mut self, index: usize) -> Result<(), EngineError> {
        if !self.queue.possible(index) {
            let (needs, has) = (self.node(index).demands.gpus, self.options.gpus);
            return self.fail(index, format!("it needs {needs} graphics cards, and this run has {has}: see `--gpus`"));
        }
        self.ask_how_long();
        self.states[index] = State::Queued;
        self.queue.push(index);
        Ok(())
    }

    /// Asked once something has to run: a run that finds everything cached needs no history.
    fn ask_how_long(&mut self) {
        if self.timed == Timed::NotAsked {
            let last = self.store.last_took(&self.plan.name);
            let recorded = |id: &String| self.store.last_success(&self.plan.name, id).ok().flatten();
            let took = |node: &Node| last.get(&node.id).copied().or_else(|| recorded(&node.id).map(|r| Took::of(&r)));
            let took: Vec<Option<Took>> = self.plan.nodes.iter().map(took).collect();
            self.queue.expect_memory(self.plan, &took);
            let known: Vec<Option<f64>> = took.iter().map(|took| took.map(|took| took.seconds)).collect();
            self.timed = match expected(self.plan, &known) {
                Some(seconds) => {
                    self.queue.set_durations(&seconds, &self.dependents);
                    Timed::Known
                }
                None => Timed::Unknown,
            };
        }
    }

    fn say_what_remains(&self) {
        if self.timed == Timed::Known {
            let unfinished = |&index: &usize| matches!(self.states[index], State::Waiting | State::Queued);
            let seconds = self.queue.remaining((0..self.states.len()).filter(unfinished));
            self.observer.event(&Event::Remaining { duration: Duration::from_secs_f64(seconds) });
        }
    }

    fn start_what_fits<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        sender: &Sender<Message>,
    ) -> Result<(), EngineError>
    where
        'a: 'scope,
    {
        while !self.stop.load(Ordering::Relaxed) {
            let key = |index: usize| self.prepared[index].as_ref().map(|prepared| prepared.key);
            // An equal stage that runs already will leave a hit.
            let may = |index: usize| self.running.iter().all(|&other| key(other) != key(index));
            let Some((index, grant)) = self.queue.start(&may) else { return Ok(()) };
            let Some(prepared) = self.prepared[index].clone() else { continue };
            let (at, node) = (now(), self.node(index));
            self.journal.append(&Entry::Started { at, node: node.id.clone(), key: prepared.key })?;
            self.observer.event(&Event::Started { node, threads: grant.threads });
            self.say_what_remains();
            let (plan, store, stop, sender) = (self.plan, self.store, Arc::clone(&self.stop), sender.clone());
            let forced = self.forced[index];
            let (threads, gpus, executable) = (grant.threads, grant.gpus, self.options.executable.clone());
            let workspaces = Arc::clone(&self.workspaces);
            let attempt = Attempt {
                plan,
                store,
                node: index,
                prepared,
                threads,
                gpus,
                executable,
                forced,
                stop,
                workspaces,
                sender,
            };
            self.running.push(index);
            scope.spawn(move || attempt.run());
        }
        Ok(())
    }

    fn receive(&mut self, message: Message) -> Result<(), EngineError> {
        match message {
            Message::Progress { node, done, total, message } => {
                let node = self.node(node);
                self.observer.event(&Event::Progress { node, done, total, message: &message });
                Ok(())
            }
            Message::Log { node, line } => {
                self.observer.event(&Event::Log { node: self.node(node), line: &line });
                Ok(())
            }
            Message::Ended { node, outcome } => {
                self.running.retain(|&running| running != node);
                self.queue.end(node);
                self.end(node, outcome)?;
                self.look_up_woken()?;
                self.say_what_remains();
                Ok(())
            }
        }
    }

    fn end(&mut self, index: usize, outcome: Outcome) -> Result<(), EngineError> {
        match outcome {
            Outcome::Ran { outputs, duration } => self.succeed(index, outputs, How::Ran, duration),
            Outcome::Cached { outputs } => self.succeed(index, outputs, How::Cached, Duration::ZERO),
            Outcome::Lost { from } => {
                self.states[index] = State::Waiting;
                self.run_again(from, index)
            }
            Outcome::Failed(error) => self.fail_or_retry(index, error),
            Outcome::Cancelled => {
                self.states[index] = State::Cancelled;
                Ok(())
            }
        }
    }

    fn succeed(&mut self, index: usize, outputs: Outputs, how: How, duration: Duration) -> Result<(), EngineError> {
        let (plan, node) = (self.plan, &self.plan.nodes[index]);
        let Some(key) = self.prepared[index].as_ref().map(|prepared| prepared.key) else { return Ok(()) };
        let publisher = self.publisher.as_mut().filter(|_| self.parts[index] == Part::Run);
        let published = publisher.map_or(Ok(Vec::new()), |publisher| publisher.publish(node, &outputs));
        let published = match published {
            Ok(published) => published,
            Err(EngineError::Lost { .. }) => return self.run_again(index, index),
            Err(error) => return self.fail(index, error.to_string()),
        };
        self.store.set_latest(&plan.name, &node.id, key)?;
        self.states[index] = State::Done(how);
        self.outputs[index] = Some(outputs);
        self.woken.extend(&self.dependents[index]);
        let (at, id, cached) = (now(), node.id.clone(), how == How::Cached);
        self.journal.append(&Entry::Finished { at, node: id, key, cached, seconds: duration.as_secs_f64() })?;
        self.observer.event(&Event::Finished { node, how, duration });
        for path in published {
            self.observer.event(&Event::Published { node, path: &path });
            self.published.push(path);
        }
        Ok(())
    }

    /// The output of `index` was found missing or corrupt when `by` wanted it.
    fn run_again(&mut self, index: usize, by: usize) -> Result<(), EngineError> {
        if index != by && !matches!(self.states[index], State::Done(_)) {
            return Ok(());
        }
        self.repairs[index] += 1;
        if self.repairs[index] > REPAIRS {
            let times = self.repairs[index];
            return self.fail(by, format!("the output of {} was corrupt {times} times", self.node(index).id));
        }
        self.store.note(format!("{} runs again: its output was missing or corrupt", self.node(index).id));
        self.states[index] = State::Waiting;
        self.outputs[index] = None;
        self.woken.insert(index);
        Ok(())
    }

    /// A stage that declares retries gets another try, later each time.
    fn fail_or_retry(&mut self, index: usize, error: String) -> Result<(), EngineError> {
        let (node, stop) = (self.node(index), self.stop.load(Ordering::Relaxed));
        let most = if stop { 0 } else { node.demands.retries };
        let Some(Retry { pause, number }) = self.retries.again(index, most) else { return self.fail(index, error) };
        let (id, seconds) = (&node.id, pause.as_secs_f64());
        self.store.note(format!("{id} failed ({error}); it is tried again in {seconds} s ({number} of {most})"));
        Ok(())
    }

    fn fail(&mut self, index: usize, error: String) -> Result<(), EngineError> {
        let node = &self.plan.nodes[index];
        self.states[index] = State::Failed;
        let log = self.prepared[index].as_ref().map(|prepared| self.store.log_path(prepared.key)).unwrap_or_default();
        self.journal.append(&Entry::Failed { at: now(), node: node.id.clone(), error: error.clone() })?;
        self.observer.event(&Event::Failed { node, error: &error, log: &log });
        let log_tail = tail(&log, 20);
        let again = self.options.again.as_ref().map(|again| format!("{again} --only '{}'", node.id));
        self.failures.push(Failure { node: node.id.clone(), error, log, log_tail, again });
        if self.options.fail_fast {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.skip_below(index)
    }

    fn skip_below(&mut self, failed: usize) -> Result<(), EngineError> {
        let mut below = self.dependents[failed].clone();
        while let Some(index) = below.pop() {
            // What runs already has its inputs.
            if !matches!(self.states[index], State::Waiting | State::Queued) || self.running.contains(&index) {
                continue;
            }
            self.states[index] = State::Skipped { because: failed };
            self.queue.remove(index);
            let (node, because) = (&self.plan.nodes[index], self.node(failed).id.clone());
            self.observer.event(&Event::Skipped { node, because: &because });
            self.journal.append(&Entry::Skipped { at: now(), node: node.id.clone(), because })?;
            below.extend(&self.dependents[index]);
        }
        Ok(())
    }

    fn pass_on_notes(&mut self) -> Result<(), EngineError> {
        for message in self.store.take_notes() {
            self.observer.event(&Event::Note { message: &message });
            self.journal.append(&Entry::Note { at: now(), message })?;
        }
        Ok(())
    }

    fn node(&self, index: usize) -> &'a Node {
        &self.plan.nodes[index]
    }

    fn finish(mut self, start: Instant) -> Result<Summary, EngineError> {
        let mut summary = Summary { results: self.plan.results.clone(), ..Summary::default() };
        summary.interrupted = self.options.cancel.load(Ordering::Relaxed);
        for (node, state) in self.plan.nodes.iter().zip(&self.states) {
            let id = node.id.clone();
            match *state {
                State::Done(How::Ran) => summary.ran.push(id),
                State::Done(How::Cached) => summary.cached.push(id),
                State::Skipped { because } => summary.skipped.push((id, self.node(because).id.clone())),
                State::Waiting | State::Queued | State::Cancelled => summary.cancelled.push(id),
                State::Failed | State::LeftOut => {}
            }
        }
        // Everything was done before the wish to stop was seen.
        summary.interrupted &= !summary.cancelled.is_empty();
        if let Some(publisher) = self.publisher.take() {
            let unfinished = |id: &str| {
                let all = self.plan.nodes.iter().zip(&self.states);
                let mut all = all.zip(&self.parts);
                all.any(|((node, state), part)| {
                    node.id == id && (*part != Part::Run || !matches!(state, State::Done(_)))
                })
            };
            publisher.finish(&unfinished)?;
        }
        if self.outputs.iter().any(Option::is_some) {
            self.published.push(provenance::write(self.plan, self.store, &self.prepared, &self.outputs)?);
        }
        self.published.sort();
        self.published.dedup();
        self.store.save_memo()?;
        self.pass_on_notes()?;
        let (ran, cached, failed) = (summary.ran.len(), summary.cached.len(), self.failures.len());
        self.journal.append(&Entry::RunFinished {
            at: now(),
            ran,
            cached,
            failed,
            interrupted: summary.interrupted,
        })?;
        summary.failed = self.failures;
        summary.published = self.published;
        summary.duration = start.elapsed();
        Ok(summary)
    }
}
