use super::{Split, SplitError, SplitParameters, generator, round_half_up, sorted};
use rand::seq::SliceRandom;

/// Fold `k` tests the `k`-th block of one shuffled list of the sorted `cases`. Blocks have the size that `test` asks for;
/// where that many blocks do not fit, the list is cut into `folds` blocks of nearly equal size, which then cover all cases.
pub fn split(mut cases: Vec<String>, parameters: &SplitParameters, seed: u64) -> Result<Split, SplitError> {
    cases.shuffle(&mut generator(seed, 0));
    let (test, validation) = counts(cases.len(), parameters)?;
    let (first, last) = test_block(cases.len(), test, parameters);
    let mut rest = [&cases[..first], &cases[last..]].concat();
    rest.shuffle(&mut generator(seed, 1 + parameters.fold as u64));
    let training = rest.split_off(validation);
    // An odd case goes to the segmentor.
    let (segmentor, discriminator) = training.split_at(training.len().div_ceil(2));
    Ok(Split {
        test: sorted(&cases[first..last]),
        validation: sorted(&rest),
        discriminator: sorted(discriminator),
        segmentor: segmentor.to_vec(),
        rounding: parameters.rounding,
        labelled: Default::default(),
    })
}

/// Numbers of test and validation cases that the shares ask for.
fn counts(cases: usize, parameters: &SplitParameters) -> Result<(usize, usize), SplitError> {
    let SplitParameters { test, validation, folds, .. } = *parameters;
    let shares_fit = test > 0.0 && validation > 0.0 && test + validation < 1.0;
    if !shares_fit {
        return Err(SplitError::Shares { test, validation });
    }
    let count = |share: f64| round_half_up(share * cases as f64).max(1);
    let (test, validation) = (count(test), count(validation));
    let needed = (test + validation + 2).max(folds);
    if cases < needed {
        return Err(SplitError::TooFew { cases, needed, folds });
    }
    Ok((test, validation))
}

/// First and past-the-last position of the fold's test cases in the shuffled list.
fn test_block(cases: usize, test: usize, parameters: &SplitParameters) -> (usize, usize) {
    let SplitParameters { folds, fold, .. } = *parameters;
    if test.saturating_mul(folds) <= cases {
        (fold * test, (fold + 1) * test)
    } else {
        (fold * cases / folds, (fold + 1) * cases / folds)
    }
}
