use super::{coordinates, score, scores};
use runner::report::{ReportError, log, scores as file};

#[test]
fn scores_return_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = scores();
    all.push(score("plain", "50", "a", None));
    all.push(score("plain", "50", "b", 1.0 / 3.0));
    // A row without the others' coordinate has none after reading either.
    all[0].coordinates.remove("method");
    file::write(folder.path(), &all).expect("written");
    assert_eq!(file::read(folder.path()).expect("read"), all);
}

#[test]
fn no_scores_are_a_file_too() {
    let folder = tempfile::tempdir().expect("a folder");
    file::write(folder.path(), &[]).expect("written");
    assert!(file::read(folder.path()).expect("read").is_empty());
}

#[test]
fn the_same_scores_have_the_same_bytes() {
    let bytes = || {
        let folder = tempfile::tempdir().expect("a folder");
        let scores: Vec<_> = (0..2000).map(|i| score("ours", "25", &format!("case{i}"), i as f64 / 7.0)).collect();
        file::write(folder.path(), &scores).expect("written");
        std::fs::read(folder.path().join("scores.parquet")).expect("read")
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn concat_adds_the_coordinates_of_each_run() {
    let run = |fold: &str| (coordinates(&[("fold", fold)]), vec![score("ours", "25", "a", 0.5)]);
    let all = file::concat(vec![run("0"), run("1")]).expect("joined");
    assert_eq!(all[0].coordinates, coordinates(&[("fold", "0"), ("label_fraction", "25"), ("method", "ours")]));
    assert_eq!(all[1].coordinates["fold"], "1");
}

#[test]
fn coordinates_that_contradict_are_an_error() {
    let part = (coordinates(&[("method", "plain")]), vec![score("ours", "25", "a", 0.5)]);
    let error = file::concat(vec![part]).expect_err("a conflict");
    let said = "two values for coordinate `method` of case `a`: `ours` in the scores, `plain` from their stage";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_coordinate_may_not_take_a_column() {
    let mut one = score("ours", "25", "a", 0.5);
    one.coordinates.insert("case".into(), "x".into());
    assert!(matches!(file::frame(&[one]), Err(ReportError::ReservedColumn { key }) if key == "case"));
}

#[test]
fn scores_are_finite_or_absent() {
    let one = score("ours", "25", "a", f64::INFINITY);
    assert!(matches!(file::frame(&[one]), Err(ReportError::NotFinite { value, .. }) if value == f64::INFINITY));
}

#[test]
fn logs_return_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |step, name: &str, value| log::Row { step, epoch: step as f64 / 4.0, name: name.into(), value };
    let rows = vec![row(4, "supervised_loss", 0.5), row(4, "validation_dice", 0.25), row(8, "supervised_loss", 0.125)];
    log::write(folder.path(), &rows).expect("written");
    assert_eq!(log::read(folder.path()).expect("read"), rows);
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = log::read(folder.path()).expect_err("nothing there");
    assert!(error.to_string().contains("log.parquet"), "{error}");
}
