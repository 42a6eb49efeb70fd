use proptest::prelude::*;
use runner::science::data::split::{
    CaseLists, CaseName, GroupSplit, Labelled, ListSplit, Lists, Member, OfficialList, OfficialLists, OfficialSplit,
    Rounding, Scheme, Unlisted, ValidationUnit, split as split_by,
};
use runner::science::data::{Split, SplitError, SplitParameters};
use runner::science::method::Method;
use runner::science::training::{Annotation, Roles};
use std::collections::BTreeSet;

fn cases(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("patient{i:03}")).collect()
}

fn members(cases: &[String]) -> Vec<Member> {
    cases.iter().map(|case| Member { case: case.clone(), group: None }).collect()
}

fn split(cases: &[String], parameters: &SplitParameters, seed: u64) -> Result<Split, SplitError> {
    split_by(&members(cases), parameters, None, seed)
}

fn fold(fold: usize, folds: usize) -> SplitParameters {
    SplitParameters { fold, folds, ..SplitParameters::default() }
}

fn lengths(split: &Split) -> [usize; 4] {
    [split.test.len(), split.validation.len(), split.segmentor.len(), split.discriminator.len()]
}

#[test]
fn acdc_is_split_as_in_the_released_code() {
    let split = split(&cases(100), &fold(0, 3), 0).unwrap();
    assert_eq!(lengths(&split), [15, 15, 35, 35]);
    // 3.5, 17.5 and 35 of the 70 training cases; the released lists have 18 for 25 %.
    assert_eq!([5.0, 25.0, 50.0].map(|percent| split.labelled(percent).len()), [4, 18, 35]);
    assert_eq!([5.0, 25.0].map(|percent| split.unlabelled(percent).len()), [31, 17]);
    assert_eq!(split.unlabelled(50.0), split.segmentor);
}

#[test]
fn rounding_down_gives_the_papers_three_patients() {
    let parameters = SplitParameters { rounding: Rounding::Down, ..SplitParameters::default() };
    let split = split(&cases(100), &parameters, 0).unwrap();
    assert_eq!([5.0, 25.0, 50.0].map(|percent| split.labelled(percent).len()), [3, 17, 35]);
    assert_eq!(split.labelled(0.1).len(), 1);
}

#[test]
fn few_unpaired_masks_are_among_more_and_all_are_all() {
    let split = split(&cases(100), &fold(0, 3), 0).unwrap();
    let masks = [5.0, 25.0, 50.0].map(|percent| split.unpaired_masks(percent));
    // The paper's 3 patients at 5 % (V-D).
    assert_eq!(masks.each_ref().map(Vec::len), [3, 17, 35]);
    assert_eq!(masks[2], split.discriminator);
    assert_eq!(masks[1][..3], masks[0]);
    assert!(masks[1].iter().all(|case| split.discriminator.contains(case)));
    // Drawn, not the first by name: those of ACDC share a pathology.
    assert_ne!(masks[1], split.discriminator[..17]);
}

/// Numbers of scribbled, masked, unlabelled cases, and of those whose masks the discriminator sees.
fn roles(method: &Method, label_fraction: f64, mask_fraction: f64) -> ([usize; 4], Roles) {
    let split = split(&cases(100), &fold(0, 3), 0).unwrap();
    let roles = Roles::new(&split, method, Annotation { label_fraction, mask_fraction });
    let Roles { scribbled, masked, unlabelled, masks } = &roles;
    ([scribbled, masked, unlabelled, masks].map(Vec::len), roles)
}

#[test]
fn cases_serve_what_the_method_says() {
    let ours = Method::default();
    assert_eq!(roles(&ours, 50.0, 0.0).0, [35, 0, 35, 35]);
    assert_eq!(roles(&ours, 5.0, 0.0).0, [4, 0, 31, 35]);
    // V-F: 5 % with scribbles, 20 % with masks; those of both are the ones that 25 % would annotate.
    let (counts, mixed) = roles(&ours, 5.0, 20.0);
    assert_eq!(counts, [4, 14, 17, 35]);
    let all: BTreeSet<&String> = mixed.scribbled.iter().chain(&mixed.masked).chain(&mixed.unlabelled).collect();
    assert_eq!(all.len(), 35);
    // V-D: few masks; no unpaired images, so that step (ii) has the annotated ones.
    assert_eq!(roles(&Method { unpaired_masks: 5.0, ..Method::default() }, 50.0, 0.0).0, [35, 0, 35, 3]);
    let (counts, paired) = roles(&Method { unpaired_images: false, ..Method::default() }, 5.0, 0.0);
    assert_eq!(counts, [4, 0, 4, 35]);
    assert_eq!(paired.unlabelled, paired.scribbled);
    // V-B: two cases, whatever the fraction; the other 33 have images without annotation.
    let two = Method { annotated_cases: Some(2), ..Method::default() };
    assert_eq!(roles(&two, 50.0, 0.0).0, [2, 0, 33, 35]);
}

#[test]
fn few_cases_still_serve_every_part() {
    assert_eq!(lengths(&split(&cases(20), &fold(0, 3), 0).unwrap()), [3, 3, 7, 7]);
    assert_eq!(lengths(&split(&cases(4), &fold(1, 2), 0).unwrap()), [1, 1, 1, 1]);
    let tiny = split(&cases(4), &fold(0, 1), 0).unwrap();
    assert_eq!(tiny.labelled(0.0).len(), 1);
    assert_eq!(tiny.labelled(100.0).len(), 1);
}

#[test]
fn what_cannot_be_split_is_said() {
    let error = |count, parameters| split(&cases(count), &parameters, 0).unwrap_err();
    assert_eq!(error(3, fold(0, 3)), SplitError::TooFew { cases: 3, needed: 4, folds: 3 });
    assert_eq!(error(9, fold(0, 10)), SplitError::TooFew { cases: 9, needed: 10, folds: 10 });
    assert_eq!(error(100, fold(3, 3)), SplitError::Fold { fold: 3, folds: 3 });
    let all = SplitParameters { test: 0.5, validation: 0.5, ..fold(0, 1) };
    assert_eq!(error(100, all), SplitError::Shares { test: 0.5, validation: 0.5 });
    let twice = [cases(10), cases(1)].concat();
    let error = split(&twice, &fold(0, 1), 0).unwrap_err();
    assert_eq!(error.to_string(), "case `patient001` is listed twice");
}

#[test]
fn the_seed_and_not_the_listing_decides() {
    let mut reversed = cases(40);
    reversed.reverse();
    let one = split(&cases(40), &fold(0, 3), 1).unwrap();
    assert_eq!(one, split(&reversed, &fold(0, 3), 1).unwrap());
    assert_ne!(one, split(&cases(40), &fold(0, 3), 2).unwrap());
}

proptest! {
    #[test]
    fn every_case_is_in_one_part(count in 4usize..130, folds in 1usize..5, seed: u64) {
        for k in 0..folds.min(count) {
            let Split { test, validation, discriminator, segmentor, .. } = split(&cases(count), &fold(k, folds), seed).unwrap();
            prop_assert!(segmentor.len() - discriminator.len() <= 1);
            let mut all = [test, validation, discriminator, segmentor].concat();
            all.sort();
            prop_assert_eq!(all, cases(count));
        }
    }

    #[test]
    fn fractions_are_nested(count in 4usize..130, seed: u64, a in 0.0..60.0f64, b in 0.0..60.0f64) {
        let split = split(&cases(count), &fold(0, 1), seed).unwrap();
        let (small, large) = (split.labelled(a.min(b)), split.labelled(a.max(b)));
        prop_assert!(!small.is_empty() && large.starts_with(small));
        prop_assert!(!split.unlabelled(a).is_empty());
        if small.len() < split.segmentor.len() {
            let together = [small, split.unlabelled(a.min(b))].concat();
            prop_assert_eq!(together, split.segmentor);
        }
    }

    #[test]
    fn test_sets_share_no_case_and_many_folds_test_all(count in 12usize..130, folds in 1usize..12, seed: u64) {
        let mut tested = BTreeSet::new();
        let mut total = 0;
        for k in 0..folds {
            let split = split(&cases(count), &fold(k, folds), seed).unwrap();
            total += split.test.len();
            tested.extend(split.test);
        }
        prop_assert_eq!(tested.len(), total);
        if folds as f64 * (0.15 * count as f64 - 0.5) >= count as f64 {
            prop_assert_eq!(total, count);
        }
    }
}

/// Every case of `all` in exactly one part.
fn assert_whole(split: &Split, all: &[String]) {
    let mut parts = [&split.test[..], &split.validation, &split.discriminator, &split.segmentor].concat();
    parts.sort();
    assert_eq!(parts, all);
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<CaseName> {
    range.map(CaseName::Number).collect()
}

/// Ten cases in the shape of the released lists: at 25 % one labelled case is the discriminator's.
fn official() -> OfficialLists {
    let list = |train_sup: &[u64]| OfficialList {
        test: numbers(1..=2),
        validation: numbers(3..=4),
        train_unsup: numbers(5..=7),
        train_disc: numbers(8..=10),
        train_sup: train_sup.iter().copied().map(CaseName::Number).collect(),
    };
    let splits = |train_sup: &[u64]| [("split0".to_owned(), list(train_sup))].into();
    [("perc25".to_owned(), splits(&[6, 9])), ("perc50".to_owned(), splits(&[5, 6, 7]))].into()
}

fn by_official(labelled: Labelled, unlisted: Unlisted, fold: usize) -> SplitParameters {
    let by = Scheme::Official(OfficialSplit { file: "lists.json".into(), labelled, unlisted });
    SplitParameters { fold, by, ..SplitParameters::default() }
}

fn split_officially(lists: &OfficialLists, parameters: &SplitParameters, count: usize) -> Result<Split, SplitError> {
    split_by(&members(&cases(count)), parameters, Some(&Lists::Official(lists.clone())), 3)
}

#[test]
fn official_lists_keep_the_discriminators_cases_apart_or_not_as_asked() {
    let parameters = by_official(Labelled::Disjoint, Unlisted::Fail, 0);
    let split = split_officially(&official(), &parameters, 10).unwrap();
    assert_whole(&split, &cases(10));
    let names = |cases: &[u64]| cases.iter().map(|n| format!("patient{n:03}")).collect::<Vec<_>>();
    assert_eq!((&split.test, &split.discriminator), (&names(&[1, 2]), &names(&[8, 9, 10])));
    // Of the 25 % list 6 is the segmentor's: it gets labels first, and one more is drawn instead of 9.
    assert_eq!(split.segmentor[0], "patient006");
    assert_eq!(split.labelled(25.0).len(), 2);
    assert!(!split.labelled(25.0).contains(&"patient009".to_owned()));
    assert!(split.labelled.is_empty());

    let parameters = by_official(Labelled::AsReleased, Unlisted::Fail, 0);
    let released = split_officially(&official(), &parameters, 10).unwrap();
    assert_whole(&released, &cases(10));
    assert_eq!(released.labelled(25.0), names(&[6, 9]));
    assert_eq!(released.labelled(50.0), names(&[5, 6, 7]));
    assert_eq!(released.labelled(5.0), names(&[6]));
    assert_eq!(released.unlabelled(25.0), released.segmentor);
}

#[test]
fn official_lists_that_do_not_fit_are_refused() {
    let parameters = by_official(Labelled::Disjoint, Unlisted::Fail, 0);
    let refused = |lists: &OfficialLists, count| split_officially(lists, &parameters, count).unwrap_err().to_string();
    assert_eq!(refused(&official(), 9), "list `train_disc` names case `10`, which the data set lacks");
    let one =
        "2 cases are in no list, the first of them `patient011`: list them, or leave them out by `unlisted: leave_out`";
    assert_eq!(refused(&official(), 12), one);
    let left_out = by_official(Labelled::Disjoint, Unlisted::LeaveOut, 0);
    assert_whole(&split_officially(&official(), &left_out, 12).unwrap(), &cases(10));

    let next = by_official(Labelled::Disjoint, Unlisted::Fail, 1);
    let error = split_officially(&official(), &next, 10).unwrap_err().to_string();
    assert_eq!(error, "the official lists have no `split1`, but `split0`; did you mean `split0`?");
    let mut crossing = official();
    crossing.values_mut().for_each(|splits| splits.get_mut("split0").unwrap().validation.push(CaseName::Number(8)));
    let crosses = "case `patient008` is in list `validation` and in list `train_disc`: a case serves one purpose only";
    assert_eq!(refused(&crossing, 10), crosses);
    let mut differing = official();
    differing.get_mut("perc50").unwrap().get_mut("split0").unwrap().test = numbers(1..=1);
    assert!(refused(&differing, 10).contains("differ in `test` between `perc25` and `perc50`"));
    let no_file = split_by(&members(&cases(10)), &parameters, None, 0).unwrap_err();
    assert_eq!(no_file, SplitError::NoLists);
}

/// The authors' own file, where the data is at hand.
#[test]
fn the_released_lists_of_acdc_are_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/acdc/splits_official.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: the released lists are not at {}", path.display());
        return;
    };
    let lists: OfficialLists = serde_json::from_str(&text).unwrap();
    let split = split_officially(&lists, &by_official(Labelled::Disjoint, Unlisted::Fail, 0), 100).unwrap();
    assert_whole(&split, &cases(100));
    assert_eq!(lengths(&split), [15, 15, 35, 35]);
    assert_eq!([5.0, 25.0, 50.0].map(|percent| split.labelled(percent).len()), [4, 18, 35]);
    let released = split_officially(&lists, &by_official(Labelled::AsReleased, Unlisted::Fail, 0), 100).unwrap();
    let crossing = released.labelled(25.0).iter().filter(|case| released.discriminator.contains(case)).count();
    assert_eq!((released.labelled(25.0).len(), crossing), (18, 11));
    let nested = released.labelled(25.0).iter().filter(|case| split.labelled(25.0).contains(case)).count();
    assert_eq!(nested, 7, "those of the segmentor's half get labels first");
}

fn images(cameras: u64, each: u64) -> Vec<Member> {
    let image =
        |i: u64| Member { case: format!("{:03}_{}", i / each + 1, i % each), group: Some((i / each + 1).to_string()) };
    (0..cameras * each).map(image).collect()
}

fn by_groups(groups: GroupSplit) -> SplitParameters {
    SplitParameters { by: Scheme::Groups(groups), ..SplitParameters::default() }
}

#[test]
fn ppss_is_divided_by_camera() {
    let members = images(171, 2);
    let split = split_by(&members, &by_groups(GroupSplit::default()), None, 5).unwrap();
    let all: Vec<String> = members.iter().map(|member| member.case.clone()).collect();
    assert_whole(&split, &all);
    // 71 cameras of 2; of the 200 others 20 validate, and halves of 90 train.
    assert_eq!(lengths(&split), [142, 20, 90, 90]);
    assert!(split.test.iter().all(|case| case.as_str() > "101"));
    assert!(split.validation.iter().all(|case| case.as_str() < "101"));
    let groups = GroupSplit { validation_unit: ValidationUnit::Group, ..GroupSplit::default() };
    let whole = split_by(&members, &by_groups(groups), None, 5).unwrap();
    assert_eq!(lengths(&whole), [142, 20, 90, 90]);
    let camera = |case: &String| case[..3].to_owned();
    let validates: BTreeSet<String> = whole.validation.iter().map(camera).collect();
    assert_eq!(validates.len(), 10);
    assert!(whole.segmentor.iter().chain(&whole.discriminator).all(|case| !validates.contains(&camera(case))));
}

#[test]
fn groups_that_are_not_there_are_refused() {
    let refused = |members: &[Member], test: &[&str]| {
        let test = test.iter().map(|&group| group.to_owned()).collect();
        split_by(members, &by_groups(GroupSplit { test, ..GroupSplit::default() }), None, 0).unwrap_err().to_string()
    };
    assert_eq!(refused(&images(9, 1), &["101-"]), "the data set has no group `101-`");
    let mut named = images(4, 1);
    named.iter_mut().for_each(|member| member.group = Some("siemens".to_owned()));
    assert_eq!(refused(&named, &["simens"]), "the data set has no group `simens`; did you mean `siemens`?");
    assert_eq!(refused(&named, &["siemens"]), "no case is left for `segmentor`");
    named[2].group = None;
    assert!(refused(&named, &["siemens"]).starts_with("case `003_0` has no group"));
}

fn by_list(text: &str) -> Result<Split, SplitError> {
    let lists = Lists::Cases(CaseLists::from_lines(text)?);
    let parameters = SplitParameters { by: Scheme::List(ListSplit::default()), ..SplitParameters::default() };
    split_by(&members(&cases(6)), &parameters, Some(&lists), 0)
}

const LIST: &str = "case,part\n# ours\npatient001 test\npatient002,validation\n";

#[test]
fn the_users_own_list_is_followed() {
    let split = by_list(LIST).unwrap();
    assert_whole(&split, &cases(6));
    assert_eq!(lengths(&split), [1, 1, 2, 2]);
    let halves =
        format!("{LIST}patient006 segmentor\npatient003 segmentor\npatient004 discriminator\npatient005 discriminator");
    let split = by_list(&halves).unwrap();
    assert_eq!(split.segmentor, ["patient006", "patient003"], "labels are given in the order of the list");
    assert_eq!(split.discriminator, ["patient004", "patient005"]);
}

#[test]
fn slips_in_a_list_are_named() {
    let refused = |more: &str| by_list(&format!("{LIST}{more}")).unwrap_err().to_string();
    assert_eq!(
        refused("patent003 test"),
        "list `test` names case `patent003`, which the data set lacks; did you mean `patient003`?"
    );
    assert_eq!(refused("patient001 test"), "case `patient001` is listed twice");
    let crosses = "case `patient002` is in list `test` and in list `validation`: a case serves one purpose only";
    assert_eq!(refused("patient002 test"), crosses);
    assert!(
        refused("patient003 train\npatient004 train")
            .starts_with("2 cases are in no list, the first of them `patient005`")
    );
    assert!(refused("patient003 tets").starts_with("line 5: `patient003 tets`: expected `CASE PART`"));
    assert!(refused("patient003 train\npatient004 segmentor").contains("cannot both be given"));
    assert_eq!(by_list("patient001 test").unwrap_err(), SplitError::Empty { part: "validation" });
}

#[test]
fn shares_keep_the_parameters_that_they_had() {
    let canonical = serde_json::to_value(SplitParameters::default()).unwrap();
    assert_eq!(canonical, serde_json::json!({"test": 0.15, "validation": 0.15, "folds": 3, "fold": 0}));
    let shares: SplitParameters = serde_json::from_value(serde_json::json!({"fold": 1, "by": "shares"})).unwrap();
    assert_eq!(shares, fold(1, 3));
    let list: SplitParameters = serde_json::from_value(serde_json::json!({
        "by": {"list": {"cases": {"test": ["a", 7], "validation": ["b"]}}}
    }))
    .unwrap();
    let Scheme::List(ListSplit { cases: Some(cases), .. }) = list.by else { panic!("{list:?}") };
    assert_eq!(cases.test, [CaseName::Name("a".to_owned()), CaseName::Number(7)]);
}

proptest! {
    #[test]
    fn no_image_crosses_between_groups(cameras in 2u64..40, each in 1u64..4, from in 2u64..40, whole: bool, seed: u64) {
        let members = images(cameras, each);
        let unit = if whole { ValidationUnit::Group } else { ValidationUnit::Case };
        let groups = GroupSplit { test: vec![format!("{from}-")], validation: 0.1, validation_unit: unit };
        match split_by(&members, &by_groups(groups), None, seed) {
            Err(error) => prop_assert!(from > cameras || (from - 1) * each <= each.max(1), "{}", error),
            Ok(split) => {
                let mut all: Vec<String> = members.iter().map(|member| member.case.clone()).collect();
                all.sort();
                assert_whole(&split, &all);
                let camera = |case: &String| case[..3].parse::<u64>().unwrap();
                prop_assert!(split.test.iter().all(|case| camera(case) >= from));
                prop_assert!(split.segmentor.iter().chain(&split.validation).all(|case| camera(case) < from));
            }
        }
    }

    #[test]
    fn lists_put_every_case_in_one_part(parts in prop::collection::vec(0..5usize, 6..40), seed: u64) {
        let names = ["test", "validation", "train", "segmentor", "discriminator"];
        let all = cases(parts.len());
        let halves = seed.is_multiple_of(2);
        let part = |part: usize| match names[part] {
            "train" if halves => "segmentor",
            "segmentor" | "discriminator" if !halves => "train",
            other => other,
        };
        let text: String = all.iter().zip(&parts).map(|(case, &i)| format!("{case} {}\n", part(i))).collect();
        let lists = Lists::Cases(CaseLists::from_lines(&text).unwrap());
        let parameters = SplitParameters { by: Scheme::List(ListSplit::default()), ..SplitParameters::default() };
        match split_by(&members(&all), &parameters, Some(&lists), seed) {
            Ok(split) => assert_whole(&split, &all),
            Err(error) => prop_assert!(matches!(error, SplitError::Empty { .. }), "{}", error),
        }
    }
}
