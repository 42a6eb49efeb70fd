use super::{Split, generator, nine_digits, round_half_up};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// How a share of the training cases becomes a whole number of them; never less than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Half a case counts as one: 5 % of ACDC's 70 training cases are 4, 25 % are 18 as in the released lists.
    #[default]
    HalfUp,
    /// 5 % of ACDC's are 3 and 25 % are 17: the paper's "5% of the unpaired masks (3 ACDC patients)" (V-D).
    Down,
}

impl Rounding {
    pub fn is_half_up(&self) -> bool {
        *self == Rounding::HalfUp
    }

    fn of(self, count: f64) -> usize {
        match self {
            Rounding::HalfUp => round_half_up(count),
            Rounding::Down => nine_digits(count).floor().max(0.0) as usize,
        }
    }
}

impl Split {
    /// The first segmentor cases, whose scribbles are used.
    ///
    /// `fraction_percent` counts all training cases (segmentor's and discriminator's), so 50 is all of the
    /// segmentor's (V-C). There is at least one. A smaller fraction's cases are among a larger one's.
    ///
    /// Where the split carries lists of its own ([`Split::labelled`]), the list of that percentage; between two lists the
    /// first cases of the greater one, beyond the greatest that one.
    pub fn labelled(&self, fraction_percent: f64) -> &[String] {
        match self.list_of(fraction_percent) {
            None => self.parts(fraction_percent).0,
            Some((percent, list)) if f64::from(percent) <= fraction_percent => list,
            Some((_, list)) => &list[..self.labelled_count(fraction_percent, list.len())],
        }
    }

    /// The other segmentor cases, whose images serve without scribbles in step (ii).
    ///
    /// Where every case is labelled (50 %) that would leave step (ii) without images, which the paper does not
    /// speak of: then the images of all segmentor cases serve a second time, without their scribbles. With lists of its
    /// own they always do, as in the released code.
    pub fn unlabelled(&self, fraction_percent: f64) -> &[String] {
        let (_, unlabelled) = self.parts(fraction_percent);
        if unlabelled.is_empty() || !self.labelled.is_empty() { &self.segmentor } else { unlabelled }
    }

    /// The discriminator cases whose masks are used. `percent` counts all training cases, so 50 is all of the discriminator's;
    /// rounded down: 5 % of ACDC's 70 are the paper's 3 patients (V-D). At least one. Fewer masks are among more; which ones
    /// come first is drawn once and for all, since the cases of data sets are often sorted by what ails them.
    pub fn unpaired_masks(&self, percent: f64) -> Vec<String> {
        let training = self.segmentor.len() + self.discriminator.len();
        let count = Rounding::Down.of(percent / 100.0 * training as f64).max(1);
        if percent >= 50.0 || count >= self.discriminator.len() {
            return self.discriminator.clone();
        }
        let mut cases = self.discriminator.clone();
        cases.shuffle(&mut generator(0, 0));
        cases.truncate(count);
        cases
    }

    fn list_of(&self, percent: f64) -> Option<(u32, &[String])> {
        let lists = || self.labelled.iter().map(|(percent, list)| (*percent, list.as_slice()));
        lists().find(|(listed, _)| f64::from(*listed) >= percent).or_else(|| lists().next_back())
    }

    fn parts(&self, fraction_percent: f64) -> (&[String], &[String]) {
        self.segmentor.split_at(self.labelled_count(fraction_percent, self.segmentor.len()))
    }

    fn labelled_count(&self, fraction_percent: f64, most: usize) -> usize {
        let training = self.segmentor.len() + self.discriminator.len();
        self.rounding.of(fraction_percent / 100.0 * training as f64).max(1).min(most)
    }
}
