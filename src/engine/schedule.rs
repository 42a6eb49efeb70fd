use crate::contract::Cpus;
use crate::plan::Plan;
use std::collections::BTreeSet;

/// Which stage goes next: the one with the longest chain of stages below it, then the plan's order.
pub struct Queue {
    /// Length of the longest chain that starts at each node.
    chain: Vec<usize>,
    cpus: Vec<Cpus>,
    ready: BTreeSet<(std::cmp::Reverse<usize>, usize)>,
    jobs: usize,
    free: usize,
    /// Cores of each node that runs.
    granted: Vec<usize>,
}

impl Queue {
    /// `jobs`: cores that stages may keep busy at the same time.
    pub fn new(plan: &Plan, dependents: &[Vec<usize>], jobs: usize) -> Self {
        let jobs = jobs.max(1);
        let count = plan.nodes.len();
        let mut chain = vec![1; count];
        // The plan is in topological order, so that what is below is known first.
        for index in (0..count).rev() {
            chain[index] = 1 + dependents[index].iter().map(|&below| chain[below]).max().unwrap_or(0);
        }
        let cpus = plan.nodes.iter().map(|node| node.stage.cpus(&node.params)).collect();
        Queue { chain, cpus, ready: BTreeSet::new(), jobs, free: jobs, granted: vec![0; count] }
    }

    pub fn push(&mut self, node: usize) {
        self.ready.insert((std::cmp::Reverse(self.chain[node]), node));
    }

    /// Takes the first stage that fits into the free cores and that `may` start; gives its threads.
    pub fn start(&mut self, may: &dyn Fn(usize) -> bool) -> Option<(usize, usize)> {
        let fits = |&&(_, node): &&(_, usize)| self.asked(node) <= self.free && may(node);
        let &(_, node) = self.ready.iter().find(fits)?;
        let threads = match self.cpus[node] {
            Cpus::AtLeast(_) => self.asked(node).max(self.free / self.startable(may)),
            Cpus::Exactly(_) | Cpus::All => self.asked(node),
        };
        self.remove(node);
        self.free -= threads;
        self.granted[node] = threads;
        Some((node, threads))
    }

    /// Gives the cores of a stage back.
    pub fn end(&mut self, node: usize) {
        self.free += std::mem::take(&mut self.granted[node]);
    }

    pub fn remove(&mut self, node: usize) {
        self.ready.remove(&(std::cmp::Reverse(self.chain[node]), node));
    }

    /// Cores that a node asks for, within the budget.
    fn asked(&self, node: usize) -> usize {
        match self.cpus[node] {
            Cpus::Exactly(cpus) | Cpus::AtLeast(cpus) => cpus.clamp(1, self.jobs),
            Cpus::All => self.jobs,
        }
    }

    /// Stages that could start now, among which free cores are shared.
    fn startable(&self, may: &dyn Fn(usize) -> bool) -> usize {
        self.ready.iter().filter(|&&(_, node)| may(node)).count().max(1)
    }
}
