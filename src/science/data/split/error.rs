use thiserror::Error;

/// The cases cannot be split as asked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SplitError {
    #[error("test {test} and validation {validation} must be above 0 and leave room for training below 1")]
    Shares { test: f64, validation: f64 },
    #[error("fold {fold} does not exist: there are {folds} folds, counted from 0")]
    Fold { fold: usize, folds: usize },
    #[error("{cases} cases are too few: {needed} are needed for {folds} folds with two training cases left")]
    TooFew { cases: usize, needed: usize, folds: usize },
    #[error("case `{case}` is listed twice")]
    Twice { case: String },
    #[error("list `{part}` names case `{case}`, which the data set lacks{}", hint(.closest))]
    Unknown { part: String, case: String, closest: Option<String> },
    #[error("list `{part}` names case {number}, which may be `{first}` or `{second}`: write the name out")]
    Ambiguous { part: String, number: u64, first: String, second: String },
    #[error("case `{case}` is in list `{first}` and in list `{second}`: a case serves one purpose only")]
    Crosses { case: String, first: String, second: String },
    #[error(
        "{count} cases are in no list, the first of them `{case}`: list them, or leave them out by `unlisted: leave_out`"
    )]
    Missing { case: String, count: usize },
    #[error("no case is left for `{part}`")]
    Empty { part: &'static str },
    #[error("there are no lists: name a file in `by.official.file` or `by.list.file`, or give `by.list.cases`")]
    NoLists,
    #[error("the official lists have no `{name}`, but {known}{}", hint(.closest))]
    NoOfficial { name: String, closest: Option<String>, known: String },
    #[error(
        "the official lists differ in `{part}` between `{first}` and `{second}`: they are no nested fractions of one split"
    )]
    Differ { part: &'static str, first: String, second: String },
    #[error("case `{case}` has no group: this data set is not divided by its owners")]
    NoGroup { case: String },
    #[error("the data set has no group `{group}`{}", hint(.closest))]
    UnknownGroup { group: String, closest: Option<String> },
    #[error("the share of validation cases is {share}: it must be above 0 and below 1")]
    ValidationShare { share: f64 },
    #[error("`{first}` and `{second}` cannot both be given: {why}")]
    Both { first: &'static str, second: &'static str, why: &'static str },
    #[error(
        "line {line}: `{text}`: expected `CASE PART` with one of the parts test, validation, train, segmentor, discriminator"
    )]
    Line { line: usize, text: String },
}

fn hint(closest: &Option<String>) -> String {
    closest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
