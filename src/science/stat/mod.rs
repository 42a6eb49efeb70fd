//! Statistics of the tables: paired significance (Wilcoxon), confidence intervals (bootstrap), mean with standard deviation.

mod bootstrap;
mod error;
mod multiple;
mod normal;
mod summary;
mod wilcoxon;

pub use bootstrap::{Interval, IntervalMethod};
pub use error::StatError;
pub use multiple::{bonferroni, holm, stars};
pub use normal::{normal_quantile, normal_survival};
pub use summary::{Deviation, Summary, quantile, summary};
pub use wilcoxon::{
    Calculation, Choice, LARGEST_EXACT, Wilcoxon, Zeros, wilcoxon, wilcoxon_of_differences, wilcoxon_with,
};
