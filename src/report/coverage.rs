//! What share of an image scribbles cover, beside what the paper states.

use super::table::{Plain, csv_line};

/// Mean and standard deviation (ddof 0) over images, in percent of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    pub mean: f64,
    pub std: f64,
    pub images: usize,
}

impl Share {
    /// `None` for no image. `shares` go from 0 to 1.
    pub fn of(shares: &[f64]) -> Option<Share> {
        if shares.is_empty() {
            return None;
        }
        let count = shares.len() as f64;
        let mean = shares.iter().sum::<f64>() / count;
        let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / count;
        Some(Share { mean: 100.0 * mean, std: 100.0 * variance.sqrt(), images: shares.len() })
    }

    fn text(share: &Option<Share>) -> String {
        share.map_or("—".to_owned(), |share| format!("{:.2} ({:.2})", share.mean, share.std))
    }
}

/// One class of one data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// As the data set is called in the paper, e.g. `LVSC`.
    pub title: String,
    /// What was measured, e.g. `ring phantoms`; empty: the data set itself.
    pub stand_in: String,
    /// Values of what is varied, e.g. `diagonal`.
    pub variants: Vec<String>,
    pub class: String,
    /// Mean and standard deviation that the paper states, in percent, and where.
    pub published: Option<([f64; 2], String)>,
    /// Over all images, those without the class counted with 0.
    pub all: Option<Share>,
    /// Over the images whose mask has the class.
    pub shown: Option<Share>,
}

impl Line {
    fn measured_on(&self) -> &str {
        if self.stand_in.is_empty() { "the data set" } else { &self.stand_in }
    }
}

/// The table; `varied` heads the columns of variants.
pub fn table(caption: &str, varied: &[String], lines: &[Line]) -> Plain {
    let column = |title: &str, number: bool| (title.to_owned(), number);
    let mut head = vec![column("Data set", false), column("Measured on", false)];
    head.extend(varied.iter().map(|title| column(title, false)));
    head.extend([column("Class", false), column("Published", true), column("All images", true)]);
    head.extend([column("Images with the class", true), column("n", true), column("n with it", true)]);
    let row = |line: &Line| {
        let mut row = vec![line.title.clone(), line.measured_on().to_owned()];
        row.extend(line.variants.iter().cloned());
        let published = line.published.as_ref().map(|([mean, std], _)| format!("{mean:.1} ({std:.1})"));
        row.extend([line.class.clone(), published.unwrap_or_else(|| "—".to_owned())]);
        let count = |share: &Option<Share>| share.map_or(0, |share| share.images).to_string();
        row.extend([Share::text(&line.all), Share::text(&line.shown), count(&line.all), count(&line.shown)]);
        row
    };
    Plain { caption: caption.to_owned(), head, rows: lines.iter().map(row).collect(), notes: notes(lines) }
}

fn notes(lines: &[Line]) -> Vec<String> {
    let mut notes = vec![
        "Mean (standard deviation) of the share of an image that a scribble covers, in %. An image is one slice."
            .to_owned(),
    ];
    let mut sources: Vec<&str> = lines.iter().filter_map(|line| Some(line.published.as_ref()?.1.as_str())).collect();
    sources.dedup();
    if !sources.is_empty() {
        notes.push(format!("Published: {}; — where the paper states none.", sources.join("; ")));
    }
    let mut titles: Vec<&str> =
        lines.iter().filter(|line| !line.stand_in.is_empty()).map(|line| line.title.as_str()).collect();
    titles.dedup();
    if !titles.is_empty() {
        notes.push(format!(
            "Not measured on the real data, but on phantoms that stand in for it: {}.",
            titles.join(", ")
        ));
    }
    notes
}

/// One line a class, at full precision, in percent.
pub fn csv(varied: &[String], lines: &[Line]) -> String {
    let mut head = vec!["data set", "measured on"];
    head.extend(varied.iter().map(String::as_str));
    head.extend(["class", "published mean", "published std", "mean", "std", "n"]);
    head.extend(["mean with class", "std with class", "n with class"]);
    let mut text = csv_line(head.into_iter().map(str::to_owned));
    for line in lines {
        let numbers = |share: &Option<Share>| match share {
            Some(share) => [share.mean.to_string(), share.std.to_string(), share.images.to_string()],
            None => [String::new(), String::new(), "0".to_owned()],
        };
        let mut fields = vec![line.title.clone(), line.measured_on().to_owned()];
        fields.extend(line.variants.iter().cloned());
        fields.push(line.class.clone());
        fields.extend(match &line.published {
            Some((published, _)) => published.map(|value| value.to_string()),
            None => [String::new(), String::new()],
        });
        fields.extend(numbers(&line.all).into_iter().chain(numbers(&line.shown)));
        text += &csv_line(fields.into_iter());
    }
    text
}
