//! The coverage table, and Figure 4's drawing.

use runner::report::coverage::{Line, Share, csv, table};
use runner::report::figure::scribbles::{Column, Overlay, Scribbles, View};
use runner::report::figure::{Figure, png_bytes, svg_text};

fn lines() -> Vec<Line> {
    let line = |class: &str, shares: &[f64], shown: &[f64], published: Option<[f64; 2]>| Line {
        title: "LVSC".into(),
        stand_in: "ring phantoms".into(),
        variants: vec!["diagonal".into()],
        class: class.into(),
        published: published.map(|values| (values, "section IV-A".into())),
        all: Share::of(shares),
        shown: Share::of(shown),
    };
    let real = Line { title: "PPSS".into(), stand_in: String::new(), ..line("face", &[0.5], &[], None) };
    vec![line("MYO", &[0.0, 0.002, 0.004], &[0.002, 0.004], Some([0.2, 0.1])), real]
}

#[test]
fn shares_are_means_over_images_in_percent() {
    let share = Share::of(&[0.0, 0.002, 0.004]).unwrap();
    assert!((share.mean - 0.2).abs() < 1e-12);
    // Deviations 0.2, 0, 0.2 over three images.
    assert!((share.std - (0.08_f64 / 3.0).sqrt()).abs() < 1e-12);
    assert_eq!((share.images, Share::of(&[])), (3, None));
}

#[test]
fn the_table_says_what_was_measured_and_what_was_not() {
    let built = table("Coverage", &["moves".to_owned()], &lines());
    let expected = "\
Coverage

| Data set | Measured on   | moves    | Class | Published |     All images | Images with the class |   n | n with it |
| :------- | :------------ | :------- | :---- | --------: | -------------: | --------------------: | --: | --------: |
| LVSC     | ring phantoms | diagonal | MYO   | 0.2 (0.1) |    0.20 (0.16) |           0.30 (0.10) |   3 |         2 |
| PPSS     | the data set  | diagonal | face  |         — |   50.00 (0.00) |                     — |   1 |         0 |

Mean (standard deviation) of the share of an image that a scribble covers, in %. An image is one slice.

Published: section IV-A; — where the paper states none.

Not measured on the real data, but on phantoms that stand in for it: LVSC.
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace(['-', ':'], "");
    assert_eq!(squeezed(&built.markdown()), squeezed(expected));
    let latex = built.latex("coverage");
    assert!(
        latex.contains("LVSC & ring phantoms & diagonal & MYO & 0.2 (0.1) & 0.20 (0.16) & 0.30 (0.10) & 3 & 2 \\\\")
    );
    assert!(latex.contains("in \\%.") && latex.contains("\\begin{tabular}{llllrrrrr}"), "{latex}");
    let csv = csv(&["moves".to_owned()], &lines());
    assert!(csv.starts_with("data set,measured on,moves,class,published mean,published std,mean,std,n,"));
    assert!(csv.ends_with("PPSS,the data set,diagonal,face,,,50,0,1,,,0\n"), "{csv}");
}

fn column(height: usize, width: usize, channels: usize, classes: &[&str]) -> Column {
    let pixels = height * width;
    let image: Vec<f32> = (0..channels * pixels).map(|i| (i % 37) as f32).collect();
    let scribble = (0..pixels).map(|i| if i % 5 == 0 { (i / width % classes.len()) as u8 } else { 255 }).collect();
    let view = |overlay: Overlay| View { width, height, channels, image: image.clone(), overlay };
    Column {
        title: "Data set".into(),
        subtitle: "skeletons".into(),
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        views: vec![view(Overlay::Nothing), view(Overlay::Scribble(scribble))],
    }
}

#[test]
fn columns_of_all_shapes_stand_beside_each_other() {
    let columns = vec![
        column(224, 224, 1, &["background", "MYO"]),
        column(160, 80, 3, &["background", "hair", "face", "upper clothes"]),
        column(32, 32, 1, &["background", "liver"]),
    ];
    let rows = ["Image", "Scribbles"].map(str::to_owned).to_vec();
    let figure = Scribbles { title: "Scribbles".into(), rows, columns }.checked().unwrap();
    let (svg, png) = (svg_text(&figure, "test").unwrap(), png_bytes(&figure, "test").unwrap());
    assert_eq!(png, png_bytes(&figure, "test").unwrap());
    assert!(svg.contains("upper clothes") && svg.matches("<image ").count() == 6);
    // 448, 480 and 448 pixels of the PNG high: near each other, each by a whole factor.
    let pictures = figure.pictures();
    let heights: Vec<u32> = pictures.iter().map(|picture| picture.height * picture.factor).collect();
    assert_eq!(heights, [448, 448, 480, 480, 448, 448]);
    assert!(pictures.iter().all(|picture| picture.rgb.len() as u32 == 3 * picture.width * picture.height));
    let (width, _) = figure.size();
    let right = pictures.iter().map(|picture| picture.at.0 / 4 + (picture.width * picture.factor / 2) as i32).max();
    assert!(right.unwrap() <= width as i32);
}

#[test]
fn labels_of_another_size_are_named() {
    let mut column = column(8, 8, 1, &["background", "MYO"]);
    column.views[1].overlay = Overlay::Mask(vec![0; 7]);
    let figure = Scribbles { title: String::new(), rows: Vec::new(), columns: vec![column] };
    assert_eq!(figure.checked().unwrap_err().to_string(), "labels of Data set: 7 values where 64 are needed");
}
