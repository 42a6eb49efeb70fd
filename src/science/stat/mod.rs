//! Statistics of the tables: paired significance (Wilcoxon) and mean with standard deviation.

mod error;
mod multiple;
mod normal;
mod summary;
mod wilcoxon;

pub use error::StatError;
pub use multiple::{bonferroni, holm, stars};
pub use normal::normal_survival;
pub use summary::{Deviation, Summary, quantile, summary};
pub use wilcoxon::{Calculation, Choice, LARGEST_EXACT, Wilcoxon, wilcoxon, wilcoxon_of_differences};
