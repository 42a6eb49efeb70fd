use std::time::{Duration, Instant};

/// Stages that failed and are tried again, each time later.
#[derive(Default)]
pub struct Retries {
    /// How often each node was tried again.
    tries: Vec<u32>,
    /// Until when each waits.
    waiting: Vec<(Instant, usize)>,
}

/// Another try.
pub struct Retry {
    pub pause: Duration,
    /// The how many-th it is, from 1.
    pub number: u32,
}

/// From one try to the next, doubled each time up to a limit.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Retries {
    pub fn new(nodes: usize) -> Self {
        Retries { tries: vec![0; nodes], waiting: Vec::new() }
    }

    /// Plans another try of a node, unless it had all that it may have.
    pub fn again(&mut self, node: usize, most: u32) -> Option<Retry> {
        let tries = self.tries[node];
        if tries >= most {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
        self.tries[node] += 1;
        self.waiting.push((Instant::now() + pause, node));
        Some(Retry { pause, number: tries + 1 })
    }

    /// Whether any node waits for its next try.
    pub fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nodes whose pause is over; with `all`, every one that waits.
    pub fn due(&mut self, all: bool) -> Vec<usize> {
        let now = Instant::now();
        let (over, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(when, _)| all || *when <= now);
        self.waiting = waiting;
        Vec::<(Instant, usize)>::into_iter(over).map(|(_, node)| node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let mut retries = Retries::new(1);
        let pauses: Vec<f64> =
            (0..9).filter_map(|_| retries.again(0, 9)).map(|retry| retry.pause.as_secs_f64()).collect();
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert!(retries.again(0, 9).is_none());
        assert!(retries.due(false).is_empty() && !retries.are_none());
        assert_eq!(retries.due(true), [0; 9]);
        assert!(retries.are_none());
    }
}
