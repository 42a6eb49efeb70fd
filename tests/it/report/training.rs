use runner::report::log::{self, Row};
use runner::report::training::{Course, LINES, Outcome, Training, curves};

fn row(epoch: usize, name: &str, value: f64) -> Row {
    Row { step: epoch as i64, epoch: epoch as f64, name: name.to_owned(), value }
}

/// Validated every other epoch; the second is as good as the fourth and came first. The third diverged.
fn rows() -> Vec<Row> {
    vec![
        row(1, "supervised_loss", 0.9),
        row(2, "supervised_loss", 0.7),
        row(2, "validation_dice", 0.5),
        row(2, "accuracy_real", 0.75),
        row(3, "supervised_loss", f64::NAN),
        row(4, "validation_dice", 0.5),
        row(4, "discriminator_loss", 0.25),
    ]
}

#[test]
fn a_course_has_the_best_dice_and_the_last_losses() {
    let course = Course::of(&rows(), None);
    assert_eq!((course.epochs, course.best_epoch, course.validation_dice), (4, Some(2), Some(0.5)));
    assert_eq!((course.last.supervised_loss, course.last.discriminator_loss), (Some(0.7), Some(0.25)));
    assert_eq!((course.last.accuracy_real, course.last.accuracy_fake), (Some(0.75), None));
    assert!(course.warnings.is_empty());
    let nothing = Course::of(&[], None);
    assert_eq!((nothing.epochs, nothing.best_epoch, nothing.validation_dice), (0, None, None));
}

#[test]
fn what_the_training_said_at_its_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("training.json"), text).unwrap();
    assert_eq!(Outcome::read(folder.path()).unwrap(), None);
    // As of before warnings, and with them.
    write(r#"{"best_epoch": 3, "validation_dice": 0.625, "epochs": 40}"#);
    let outcome = Outcome::read(folder.path()).unwrap().unwrap();
    assert_eq!(outcome, Outcome { best_epoch: 3, validation_dice: Some(0.625), epochs: 40, warnings: Vec::new() });
    write(r#"{"best_epoch": 0, "validation_dice": null, "epochs": 2, "warnings": ["it diverged"], "more": 1}"#);
    log::write(folder.path(), &rows()).unwrap();
    let training = Training::read("train", folder.path(), Some(folder.path())).unwrap();
    assert_eq!((training.course.best_epoch, training.course.validation_dice, training.course.epochs), (None, None, 2));
    assert_eq!(training.course.warnings, ["it diverged"]);
    write("{");
    let error = Outcome::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("training.json"), "{error}");
}

/// 40 trainings are three figures of 14, 14 and 12 lines.
#[test]
fn many_trainings_are_several_figures() {
    let training = |i: usize| Training { label: format!("t{i}"), rows: rows(), course: Course::of(&rows(), None) };
    let trainings: Vec<Training> = (0..40).map(training).collect();
    let figures = curves("Title", &trainings);
    assert_eq!(figures.iter().map(|figure| figure.runs.len()).collect::<Vec<_>>(), [14, 14, 12]);
    assert!(figures.iter().all(|figure| figure.runs.len() <= LINES));
    assert_eq!((figures[1].title.as_str(), figures[1].runs[0].as_str()), ("Title (2 of 3)", "t14"));
    assert_eq!(curves("Title", &trainings[..LINES]).len(), 1);
    assert_eq!(curves("Title", &trainings[..1])[0].title, "Title");
}
