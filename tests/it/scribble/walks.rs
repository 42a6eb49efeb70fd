//! Random walks: who draws what, and what holds for any mask.

use super::{disc, label_map, mask, rows};
use proptest::prelude::*;
use runner::science::data::{Image, Labels, UNLABELLED, Volume};
use runner::science::scribble::{
    Author, Background, Moves, Per, RandomWalkParameters, Ring, Scribbler, SkeletonParameters, Until, WalkBackground,
    coverage, random_walk_scribble, skeleton_scribble,
};

const AUTHOR: Author = Author { seed: 1, case: "patient001", volume: "ed", annotator: 0 };
const ALL_MOVES: [Moves; 4] = [Moves::Diagonal, Moves::OneAxis, Moves::King, Moves::KingWithStay];

fn with(moves: Moves) -> RandomWalkParameters {
    RandomWalkParameters { moves, ..RandomWalkParameters::default() }
}

#[test]
fn every_author_draws_otherwise_and_the_same_again() {
    let heart = disc(64, 20.0, 1);
    let draw = |author: Author| random_walk_scribble(&heart, &with(Moves::King), author);
    let first = draw(AUTHOR);
    assert_eq!(first, draw(AUTHOR));
    let others = [
        Author { seed: 2, ..AUTHOR },
        Author { case: "patient002", ..AUTHOR },
        Author { volume: "es", ..AUTHOR },
        Author { annotator: 1, ..AUTHOR },
        // Spelled one after the other, these are the first's case and volume.
        Author { case: "patient001e", volume: "d", ..AUTHOR },
    ];
    others.into_iter().for_each(|author| assert_ne!(draw(author), first, "{author:?}"));
}

#[test]
fn slices_and_classes_do_not_disturb_each_other() {
    let (one, two) = (disc(32, 8.0, 1), disc(32, 8.0, 2));
    let drawn = random_walk_scribble(&two, &with(Moves::King), AUTHOR);
    assert_eq!(drawn.slice(0), random_walk_scribble(&one, &with(Moves::King), AUTHOR).slice(0));
    assert_ne!(drawn.slice(0), drawn.slice(1));
    // Without a walk in the background, the disc's is the same.
    let alone = RandomWalkParameters { background: WalkBackground::None, ..with(Moves::King) };
    let foreground = |labels: &Labels| labels.data.iter().map(|&l| l == 1).collect::<Vec<bool>>();
    assert_eq!(foreground(&random_walk_scribble(&two, &alone, AUTHOR)), foreground(&drawn));
}

#[test]
fn a_line_holds_a_diagonal_walk_still() {
    let line = mask(&["0000000", "0111110", "0000000"]);
    let drawn = |moves| rows(&random_walk_scribble(&line, &with(moves), AUTHOR))[1].matches('1').count();
    assert_eq!([Moves::Diagonal, Moves::OneAxis, Moves::King].map(drawn), [1, 5, 5]);
}

#[test]
fn each_component_gets_a_walk_where_asked_for() {
    let two = mask(&["1100011", "1100011", "0000000"]);
    let drawn = |per| {
        let parameters = RandomWalkParameters { per, background: WalkBackground::None, ..with(Moves::OneAxis) };
        coverage(&random_walk_scribble(&two, &parameters, AUTHOR), 2)[1] * 21.0
    };
    assert_eq!([Per::Class, Per::Component].map(drawn), [4.0, 8.0]);
}

#[test]
fn the_released_code_stops_at_a_tenth_of_the_object() {
    let heart = disc(64, 20.0, 1);
    let size = heart.data.iter().filter(|&&label| label == 1).count();
    let parameters = RandomWalkParameters { until: Until::RELEASED, per: Per::Class, ..with(Moves::KingWithStay) };
    let drawn = random_walk_scribble(&heart, &parameters, AUTHOR).data.iter().filter(|&&label| label == 1).count();
    assert_eq!(drawn, size.div_ceil(10));
    // Never more tries than said, even where a tenth is out of reach.
    let short = RandomWalkParameters { until: Until::Covered { share: 1.0, tries: 5 }, ..parameters };
    assert!(random_walk_scribble(&heart, &short, AUTHOR).data.iter().filter(|&&label| label == 1).count() <= 5);
}

#[test]
fn defaults_are_the_papers_and_senseless_numbers_are_refused() {
    let parse = |text: &str| serde_json::from_str::<Scribbler>(text).unwrap();
    let default = parse(r#"{"random_walk": {}}"#);
    assert_eq!(default, Scribbler::RandomWalk(RandomWalkParameters::default()));
    let text = serde_json::to_string(&default).unwrap();
    let spelled = r#"{"moves":"diagonal","per":"component","until":{"steps":2500},"background":"random_walk"}"#;
    assert_eq!(text, format!(r#"{{"random_walk":{spelled}}}"#));
    assert_eq!(default.check(), Ok(()));
    for wrong in [r#"{"steps": 0}"#, r#"{"covered": {"share": 1.5, "tries": 9}}"#] {
        assert!(parse(&format!(r#"{{"random_walk": {{"until": {wrong}}}}}"#)).check().is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<Scribbler>(r#"{"random_walk": {"step": 3}}"#).is_err());
}

#[test]
fn the_background_is_drawn_as_asked() {
    let heart = disc(48, 10.0, 1);
    let drawn = |background| {
        let parameters = RandomWalkParameters { background, ..with(Moves::King) };
        random_walk_scribble(&heart, &parameters, AUTHOR).data
    };
    let of = |background| {
        let parameters = SkeletonParameters { background, ..SkeletonParameters::default() };
        skeleton_scribble(&heart, &parameters).data
    };
    let background = |data: Vec<u8>| data.into_iter().map(|label| label == 0).collect::<Vec<bool>>();
    let ring = Ring::AS_DRAWN;
    assert_eq!(background(drawn(WalkBackground::Ring(ring))), background(of(Background::Ring(ring))));
    assert_eq!(background(drawn(WalkBackground::Skeleton)), background(of(Background::Skeleton)));
    assert!(!drawn(WalkBackground::None).contains(&0));
    assert!(drawn(WalkBackground::RandomWalk).iter().filter(|&&label| label == 0).count() > 100);
}

#[test]
fn an_expert_is_taken_as_drawn_or_missed() {
    let labels = disc(8, 2.0, 1);
    let image = Image { slices: 1, channels: 1, height: 8, width: 8, data: vec![0.0; 64] };
    let (case, name) = ("a".to_owned(), "b".to_owned());
    let bare = Volume { case, name, group: None, spacing: [1.0; 2], image, mask: labels.clone(), scribble: None };
    assert_eq!(Scribbler::Expert.draw(&bare, 1, 0), None);
    let drawn = Volume { scribble: Some(labels.clone()), ..bare };
    assert_eq!(Scribbler::Expert.draw(&drawn, 1, 5), Some(labels));
}

proptest! {
    #[test]
    fn a_walk_is_in_its_mask_and_in_one_piece(labels in label_map(), seed in 0..1000_u64) {
        let author = Author { seed, ..AUTHOR };
        let (height, width) = (labels.height as i64, labels.width as i64);
        for moves in ALL_MOVES {
            let scribble = random_walk_scribble(&labels, &RandomWalkParameters { per: Per::Class, ..with(moves) }, author);
            prop_assert_eq!(&scribble, &random_walk_scribble(&labels, &RandomWalkParameters { per: Per::Class, ..with(moves) }, author));
            for class in 0..4 {
                let drawn: Vec<i64> = (0..height * width).filter(|&p| scribble.data[p as usize] == class).collect();
                prop_assert!(drawn.iter().all(|&p| labels.data[p as usize] == class));
                prop_assert_eq!(drawn.is_empty(), !labels.data.contains(&class));
                // Grown from one pixel by the eight neighbours, it is all reached.
                let mut reached: Vec<i64> = drawn.iter().copied().take(1).collect();
                let mut next = 0;
                while next < reached.len() {
                    let (row, column) = (reached[next] / width, reached[next] % width);
                    let near = |p: i64| (p / width - row).abs() <= 1 && (p % width - column).abs() <= 1;
                    let new: Vec<i64> = drawn.iter().copied().filter(|&p| near(p) && !reached.contains(&p)).collect();
                    reached.extend(new);
                    next += 1;
                }
                prop_assert_eq!(reached.len(), drawn.len());
                if moves == Moves::Diagonal {
                    let parity = |p: &i64| (p / width + p % width) % 2;
                    prop_assert!(drawn.iter().all(|p| parity(p) == parity(&drawn[0])), "one colour of the chessboard");
                }
            }
            let known = scribble.data.iter().all(|&label| label < 4 || label == UNLABELLED);
            prop_assert!(known);
        }
    }
}
