use crate::plan::Plan;
use std::collections::BTreeSet;

/// Which stage goes next: the one with the longest chain of stages below it, then the plan's order.
pub struct Queue {
    /// Length of the longest chain that starts at each node.
    chain: Vec<usize>,
    /// Cores that each node asks for, within the budget.
    cpus: Vec<usize>,
    ready: BTreeSet<(std::cmp::Reverse<usize>, usize)>,
    free: usize,
}

impl Queue {
    /// `jobs`: cores that stages may keep busy at the same time.
    pub fn new(plan: &Plan, dependents: &[Vec<usize>], jobs: usize) -> Self {
        let jobs = jobs.max(1);
        let mut chain = vec![1; plan.nodes.len()];
        // The plan is in topological order, so that what is below is known first.
        for index in (0..plan.nodes.len()).rev() {
            chain[index] = 1 + dependents[index].iter().map(|&below| chain[below]).max().unwrap_or(0);
        }
        let cpus = plan.nodes.iter().map(|node| match node.stage.cpus(&node.params) {
            0 => jobs,
            cpus => cpus.min(jobs),
        });
        Queue { chain, cpus: cpus.collect(), ready: BTreeSet::new(), free: jobs }
    }

    pub fn push(&mut self, node: usize) {
        self.ready.insert((std::cmp::Reverse(self.chain[node]), node));
    }

    /// Takes the first stage that fits into the free cores and that `may` start; gives its threads.
    pub fn start(&mut self, may: &dyn Fn(usize) -> bool) -> Option<(usize, usize)> {
        let fits = |&&(_, node): &&(_, usize)| self.cpus[node] <= self.free && may(node);
        let &next = self.ready.iter().find(fits)?;
        self.ready.remove(&next);
        self.free -= self.cpus[next.1];
        Some((next.1, self.cpus[next.1]))
    }

    /// Gives the cores of a stage back.
    pub fn end(&mut self, node: usize) {
        self.free += self.cpus[node];
    }

    pub fn remove(&mut self, node: usize) {
        self.ready.remove(&(std::cmp::Reverse(self.chain[node]), node));
    }
}
