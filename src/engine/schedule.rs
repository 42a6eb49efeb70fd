use super::cache::Took;
use crate::contract::{Cpus, Demands};
use crate::plan::Plan;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What stages may take at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Cores.
    pub cpus: usize,
    /// Bytes.
    pub memory: u64,
    pub gpus: usize,
}

impl Default for Budget {
    /// All cores and all memory of this machine, and no graphics card.
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Budget { cpus, memory: total_memory().unwrap_or(u64::MAX), gpus: 0 }
    }
}

fn total_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What a stage that runs got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    pub threads: usize,
    pub memory: u64,
    /// Indices of graphics cards.
    pub gpus: Vec<usize>,
}

/// A node's place among those that are ready: priority, then the time that the longest chain from it takes, then
/// the plan's order.
type Place = (Reverse<i64>, Reverse<u64>, usize);

/// Which stage goes next, and what it gets.
pub struct Queue {
    /// Expected milliseconds of each node, and of the longest chain that starts at it.
    lasts: Vec<u64>,
    chain: Vec<u64>,
    cpus: Vec<Cpus>,
    demands: Vec<Demands>,
    ready: BTreeSet<Place>,
    budget: Budget,
    free_cpus: usize,
    free_memory: u64,
    free_gpus: BTreeSet<usize>,
    granted: BTreeMap<usize, Grant>,
}

impl Queue {
    /// Until [`Queue::set_durations`] is told better, all stages last equally long.
    pub fn new(plan: &Plan, dependents: &[Vec<usize>], budget: Budget) -> Self {
        let budget = Budget { cpus: budget.cpus.max(1), ..budget };
        let wish = |node: &crate::plan::Node| node.demands.cpus.map_or(node.stage.cpus(&node.params), Cpus::Exactly);
        let mut queue = Queue {
            lasts: Vec::new(),
            chain: Vec::new(),
            cpus: plan.nodes.iter().map(wish).collect(),
            demands: plan.nodes.iter().map(|node| node.demands).collect(),
            ready: BTreeSet::new(),
            budget,
            free_cpus: budget.cpus,
            free_memory: budget.memory,
            free_gpus: (0..budget.gpus).collect(),
            granted: BTreeMap::new(),
        };
        queue.set_durations(&vec![1.0; plan.nodes.len()], dependents);
        queue
    }

    /// How many seconds each node is expected to last.
    pub fn set_durations(&mut self, seconds: &[f64], dependents: &[Vec<usize>]) {
        let waiting: Vec<usize> = std::mem::take(&mut self.ready).into_iter().map(|(.., node)| node).collect();
        self.lasts = seconds.iter().map(|seconds| (seconds * 1e3) as u64).collect();
        self.chain = self.lasts.clone();
        // The plan is in topological order, so that what is below is known first.
        for index in (0..seconds.len()).rev() {
            let below = dependents[index].iter().map(|&below| self.chain[below]).max().unwrap_or(0);
            self.chain[index] = self.lasts[index].saturating_add(below);
        }
        waiting.into_iter().for_each(|node| self.push(node));
    }

    /// A stage whose entry declares no memory is expected to take what it took before.
    pub fn expect_memory(&mut self, plan: &Plan, took: &[Option<Took>]) {
        let peak = |took: &Option<Took>| took.and_then(|took| took.peak_memory);
        let nodes =
            plan.nodes.iter().zip(took).map(|(node, took)| (node.entry.as_str(), node.demands.memory, peak(took)));
        let expected = expected_memory(&nodes.collect::<Vec<_>>());
        self.demands.iter_mut().zip(expected).for_each(|(demands, memory)| demands.memory = memory);
    }

    pub fn push(&mut self, node: usize) {
        self.ready.insert(self.place(node));
    }

    /// Takes the first stage that fits into what is free and that `may` start.
    pub fn start(&mut self, may: &dyn Fn(usize) -> bool) -> Option<(usize, Grant)> {
        let fits = |&&(.., node): &&Place| self.fits(node) && may(node);
        let &(.., node) = self.ready.iter().find(fits)?;
        let threads = match self.cpus[node] {
            Cpus::AtLeast(_) => self.asked(node).max(self.free_cpus / self.startable(may)),
            Cpus::Exactly(_) | Cpus::All => self.asked(node),
        };
        let gpus: Vec<usize> = self.free_gpus.iter().copied().take(self.demands[node].gpus).collect();
        let grant = Grant { threads, memory: self.memory(node), gpus };
        self.remove(node);
        self.free_cpus -= grant.threads;
        self.free_memory -= grant.memory;
        grant.gpus.iter().for_each(|gpu| {
            self.free_gpus.remove(gpu);
        });
        self.granted.insert(node, grant.clone());
        Some((node, grant))
    }

    /// Gives back what a stage got.
    pub fn end(&mut self, node: usize) {
        if let Some(Grant { threads, memory, gpus }) = self.granted.remove(&node) {
            self.free_cpus += threads;
            self.free_memory += memory;
            self.free_gpus.extend(gpus);
        }
    }

    pub fn remove(&mut self, node: usize) {
        let place = self.place(node);
        self.ready.remove(&place);
    }

    /// Whether the budget could ever hold it. More cores or memory than there are is no reason not to try alone.
    pub fn possible(&self, node: usize) -> bool {
        self.demands[node].gpus <= self.budget.gpus
    }

    /// Seconds until all of these nodes are done, at best: the longest chain, or all work spread over the cores.
    pub fn remaining(&self, unfinished: impl Iterator<Item = usize>) -> f64 {
        let (mut longest, mut work) = (0_u64, 0_f64);
        for node in unfinished {
            longest = longest.max(self.chain[node]);
            let cores = self.granted.get(&node).map_or(self.asked(node), |grant| grant.threads);
            work += self.lasts[node] as f64 * cores as f64;
        }
        (longest as f64).max(work / self.budget.cpus as f64) / 1e3
    }

    fn place(&self, node: usize) -> Place {
        (Reverse(self.demands[node].priority), Reverse(self.chain[node]), node)
    }

    fn fits(&self, node: usize) -> bool {
        self.asked(node) <= self.free_cpus
            && self.memory(node) <= self.free_memory
            && self.demands[node].gpus <= self.free_gpus.len()
    }

    /// Cores that a node asks for, within the budget.
    fn asked(&self, node: usize) -> usize {
        match self.cpus[node] {
            Cpus::Exactly(cpus) | Cpus::AtLeast(cpus) => cpus.clamp(1, self.budget.cpus),
            Cpus::All => self.budget.cpus,
        }
    }

    fn memory(&self, node: usize) -> u64 {
        self.demands[node].memory.min(self.budget.memory)
    }

    /// Stages that could start now, among which free cores are shared.
    fn startable(&self, may: &dyn Fn(usize) -> bool) -> usize {
        self.ready.iter().filter(|&&(.., node)| may(node)).count().max(1)
    }
}

/// Bytes by entry, declared memory (0: none) and peak of the last time: what is declared, else what it took, else the
/// most that another of its entry took.
fn expected_memory(nodes: &[(&str, u64, Option<u64>)]) -> Vec<u64> {
    let mut most: BTreeMap<&str, u64> = BTreeMap::new();
    for (entry, _, peak) in nodes {
        let most = most.entry(entry).or_default();
        *most = peak.unwrap_or(0).max(*most);
    }
    let memory = |(entry, declared, peak): &(&str, u64, Option<u64>)| match declared {
        0 => peak.unwrap_or(most[entry]),
        declared => *declared,
    };
    nodes.iter().map(memory).collect()
}

/// Seconds that each node is expected to last: as the last time; else as the others of its entry, or of its kind,
/// did on the average; else one. `None` if nothing is known of any.
pub fn expected(plan: &Plan, known: &[Option<f64>]) -> Option<Vec<f64>> {
    known.iter().flatten().next()?;
    let mean = |name: &dyn Fn(&crate::plan::Node) -> String| -> BTreeMap<String, f64> {
        let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (node, seconds) in plan.nodes.iter().zip(known).filter_map(|(node, known)| Some((node, (*known)?))) {
            let (sum, count) = sums.entry(name(node)).or_default();
            *sum += seconds;
            *count += 1.0;
        }
        sums.into_iter().map(|(name, (sum, count))| (name, sum / count)).collect()
    };
    let of_entry = mean(&|node| node.entry.clone());
    let of_kind = mean(&|node| node.stage.kind().to_owned());
    let guess = |node: &crate::plan::Node| {
        of_entry.get(&node.entry).or_else(|| of_kind.get(node.stage.kind())).copied().unwrap_or(1.0)
    };
    Some(plan.nodes.iter().zip(known).map(|(node, known)| known.unwrap_or_else(|| guess(node))).collect())
}

#[cfg(test)]
mod tests {
    use super::expected_memory;

    #[test]
    fn memory_is_what_is_declared_or_what_was_taken() {
        let nodes = [("train", 0, Some(300)), ("train", 0, None), ("train", 50, Some(400)), ("plot", 0, None)];
        assert_eq!(expected_memory(&nodes), [300, 400, 50, 0]);
    }
}
