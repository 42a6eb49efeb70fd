use super::fault::{Fault, PlanError};
use super::wire::Wire;
use crate::contract::Arity;
use crate::spec::{Entry, Experiment, Located};
use std::collections::HashMap;

/// Index of a value for each axis of the matrix; `None` on axes that a stage doesn't run for.
pub(super) type Point = Vec<Option<usize>>;

/// A plan never has more stages than this.
pub(super) const MOST_STAGES: usize = 100_000;

/// All points of an entry's axes but for the excluded, the last axis running fastest.
pub(super) fn points(experiment: &Experiment, entry: &Entry) -> Result<Vec<Point>, PlanError> {
    let mut points: Vec<Point> = vec![vec![None; experiment.axes.len()]];
    for &axis in &entry.axes {
        let values = experiment.axes[axis].values.len();
        if points.len().saturating_mul(values) > MOST_STAGES {
            return Err(Located::new(entry.mark(), Fault::TooMany { limit: MOST_STAGES }));
        }
        let with = |point: &Point, value| {
            let mut point = point.clone();
            point[axis] = Some(value);
            point
        };
        points = points.iter().flat_map(|point| (0..values).map(move |value| with(point, value))).collect();
    }
    points.retain(|point| !experiment.exclude.iter().chain(&entry.exclude).any(|exclude| exclude.drops(point)));
    Ok(points)
}

/// Nodes of an entry by their values on the axes that it shares with a consumer.
pub(super) struct Join {
    shared: Vec<usize>,
    nodes: HashMap<Vec<Option<usize>>, Vec<usize>>,
}

impl Join {
    pub fn new(consumer: &Entry, producer: &Entry, instances: &[(Point, usize)]) -> Self {
        let shared: Vec<usize> = producer.axes.iter().copied().filter(|axis| consumer.axes.contains(axis)).collect();
        let mut nodes: HashMap<_, Vec<usize>> = HashMap::new();
        for (point, node) in instances {
            nodes.entry(shared.iter().map(|&axis| point[axis]).collect()).or_default().push(*node);
        }
        Join { shared, nodes }
    }

    /// In the matrix's order.
    pub fn matches(&self, point: &Point) -> &[usize] {
        let key: Vec<Option<usize>> = self.shared.iter().map(|&axis| point[axis]).collect();
        self.nodes.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// The nodes that feed each wire at a point; `None` when `exclude` dropped what the point depends on: a single
/// artifact, or all of those that a port gathers.
pub(super) fn feeds<'a>(wires: &[Wire], joins: &'a [Join], point: &Point) -> Option<Vec<&'a [usize]>> {
    let feeds: Vec<&[usize]> = joins.iter().map(|join| join.matches(point)).collect();
    let fed = |wire: &Wire| {
        let same_port = wires.iter().zip(&feeds).filter(|(other, _)| other.port.name == wire.port.name);
        same_port.into_iter().any(|(_, feed)| !feed.is_empty())
    };
    debug_assert!(wires.iter().zip(&feeds).all(|(wire, feed)| wire.port.arity == Arity::Many || feed.len() <= 1));
    wires.iter().all(fed).then_some(feeds)
}
