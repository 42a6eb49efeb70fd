//! The user's own data set, described in `experiments/datasets/NAME.yaml` and with no code: patterns say which file is
//! what, and the classes what the codes of the masks mean.

mod case;
pub(super) mod file;
mod pattern;

pub use pattern::{Captures, Field, Pattern};

use super::codes::COLOUR;
use super::source::{self, Cases, Found};
use super::{DataError, UNLABELLED};
use case::{Case, Rules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// A data set in a layout of the user's own.
///
/// Patterns are of paths below `root`: `{case}`, `{volume}`, `{slice}` and `{group}` stand for the same text (of a
/// slice: number) in all of them; `*` is anything within a name, `?` one character, `**/` any folders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderParameters {
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
    /// Pattern of the images, e.g. `{case}/{case}_{slice}.png`. Files are NIfTI, DICOM, PNG or JPEG, told by their content. With
    /// `{slice}`, files are slices of a volume, in the order of their numbers.
    pub image: String,
    /// Pattern of the masks, with the same placeholders; null: there are none.
    #[serde(default)]
    pub mask: Option<String>,
    /// Pattern of the experts' scribbles, with the same placeholders; null: there are none. An image may lack one.
    #[serde(default)]
    pub scribble: Option<String>,
    /// In the order of their labels, background first.
    pub classes: Vec<Class>,
    /// Codes in masks and scribbles of pixels that nobody annotated.
    #[serde(default)]
    pub unlabelled: CodeList,
    /// Side of a pixel in mm, or rows and columns; null: as the files have it (NIfTI and DICOM).
    #[serde(default)]
    pub spacing_mm: Option<Spacing>,
    /// 1: colours become grey. 3: grey becomes red, green and blue. null: as the files have it.
    #[serde(default)]
    pub channels: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// Its code in the masks, or several: numbers, or colours (`"#ff0000"`).
    pub codes: CodeList,
}

/// One code or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a code (63), a colour (\"#ff0000\") or a list of them")]
pub enum CodeList {
    One(Code),
    Several(Vec<Code>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Code {
    Number(i32),
    Colour(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a side (1.5) or rows and columns ([1.5, 1.2])")]
pub enum Spacing {
    Side(f64),
    Pair([f64; 2]),
}

impl Default for CodeList {
    fn default() -> Self {
        CodeList::Several(Vec::new())
    }
}

impl CodeList {
    fn list(&self) -> &[Code] {
        match self {
            CodeList::One(code) => std::slice::from_ref(code),
            CodeList::Several(codes) => codes,
        }
    }

    fn codes(&self) -> Result<Vec<i64>, String> {
        self.list().iter().map(Code::value).collect()
    }
}

impl Code {
    /// A colour as red, green and blue; none for a number.
    pub fn colour(&self) -> Result<Option<[u8; 3]>, String> {
        let rgb = |colour: i64| [16, 8, 0].map(|shift| (colour >> shift & 255) as u8);
        match self {
            Code::Number(_) => Ok(None),
            Code::Colour(_) => self.value().map(|value| Some(rgb(value - COLOUR))),
        }
    }

    fn value(&self) -> Result<i64, String> {
        let Code::Colour(text) = self else {
            let Code::Number(number) = self else { return Ok(0) };
            return Ok(i64::from(*number));
        };
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let colour = digits.and_then(|digits| i64::from_str_radix(digits, 16).ok());
        colour.map(|colour| COLOUR + colour).ok_or_else(|| format!("`{text}` is no colour: #rrggbb is expected"))
    }
}

impl Spacing {
    fn pair(self) -> [f64; 2] {
        match self {
            Spacing::Side(side) => [side; 2],
            Spacing::Pair(pair) => pair,
        }
    }
}

fn wrong<T>(name: &'static str, message: impl Into<String>) -> Result<T, DataError> {
    Err(DataError::Parameter { name, message: message.into() })
}

impl FolderParameters {
    /// What is wrong with the description, files left aside.
    pub fn check(&self) -> Result<(), DataError> {
        self.patterns()?;
        self.rules().map(drop)
    }

    fn patterns(&self) -> Result<Patterns, DataError> {
        let parse = |name: &'static str, text: &str| {
            Pattern::parse(text).or_else(|message| wrong(name, format!("pattern `{text}`: {message}")))
        };
        let optional = |name, text: &Option<String>| text.as_deref().map(|text| parse(name, text)).transpose();
        let patterns = Patterns {
            image: parse("image", &self.image)?,
            mask: optional("mask", &self.mask)?,
            scribble: optional("scribble", &self.scribble)?,
        };
        let fields = patterns.image.fields();
        if !fields.contains(&Field::Case) {
            return wrong("image", format!("pattern `{}` has no {{case}}: which files are of one case?", self.image));
        }
        for (name, pattern) in [("mask", &patterns.mask), ("scribble", &patterns.scribble)] {
            let Some(pattern) = pattern else { continue };
            let known = |field: &&Field| **field != Field::Group;
            let (own, images): (Vec<_>, Vec<_>) = (
                pattern.fields().into_iter().filter(|f| known(&f)).collect(),
                fields.iter().filter(known).copied().collect(),
            );
            if own != images {
                let names = |fields: &[Field]| fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return wrong(
                    name,
                    format!(
                        "its placeholders are {}, and the image's {}; they must be the same",
                        names(&own),
                        names(&images)
                    ),
                );
            }
        }
        Ok(patterns)
    }

    fn rules(&self) -> Result<Rules, DataError> {
        if !(2..=usize::from(UNLABELLED)).contains(&self.classes.len()) {
            return wrong(
                "classes",
                format!("there are {}; from 2 to {UNLABELLED} are needed, background first", self.classes.len()),
            );
        }
        let mut table: BTreeMap<i64, u8> = BTreeMap::new();
        let unlabelled = (UNLABELLED, "unlabelled", &self.unlabelled);
        let labels = self.classes.iter().zip(0..).map(|(class, label)| (label, class.name.as_str(), &class.codes));
        let mut known = Vec::new();
        for (label, name, codes) in labels.chain([unlabelled]) {
            let codes = codes.codes().or_else(|message| wrong("classes", format!("class `{name}`: {message}")))?;
            if codes.is_empty() && label != UNLABELLED {
                return wrong("classes", format!("class `{name}` has no code"));
            }
            for code in &codes {
                if table.insert(*code, label).is_some() {
                    return wrong(
                        "classes",
                        format!("code {} is given twice, at last to `{name}`", super::codes::name(*code)),
                    );
                }
                known.push(format!("{} is {name}", super::codes::name(*code)));
            }
        }
        let colours = table.keys().filter(|&&code| code >= COLOUR).count();
        if colours != 0 && colours != table.len() {
            return wrong("classes", "some codes are numbers and some are colours; they must be of one kind");
        }
        let spacing = self.spacing_mm.map(Spacing::pair);
        if spacing.is_some_and(|pair| pair.iter().any(|&side| !(side.is_finite() && side > 0.0))) {
            return wrong("spacing_mm", "must be positive numbers of millimetres");
        }
        if self.channels.is_some_and(|channels| channels != 1 && channels != 3) {
            return wrong("channels", "must be 1 (grey), 3 (red, green, blue) or null (as the files have it)");
        }
        let table = table.into_iter().map(|(code, label)| (code, code, label)).collect();
        Ok(Rules { table, known: known.join(", "), colours: colours > 0, spacing, channels: self.channels })
    }

    pub fn open(&self) -> Result<Box<dyn Cases>, DataError> {
        let (patterns, rules) = (self.patterns()?, self.rules()?);
        source::check_root(&self.root)?;
        let files = files(&self.root)?;
        let cases = patterns.sort(&files, &self.root);
        let nothing = |name: &'static str, pattern: &str| {
            let shown: Vec<&str> = files.iter().take(3).map(String::as_str).collect();
            let message = format!(
                "pattern `{pattern}` matches none of the {} files below {}{}",
                files.len(),
                self.root.display(),
                if shown.is_empty() { String::new() } else { format!(" ({}, ..)", shown.join(", ")) }
            );
            wrong(name, message)
        };
        let any = |of: fn(&case::Files) -> bool| cases.iter().any(|case| case.any(of));
        if !any(|files| files.image.is_some()) {
            return nothing("image", &self.image);
        }
        if let Some(pattern) = self.mask.as_deref().filter(|_| !any(|files| files.mask.is_some())) {
            return nothing("mask", pattern);
        }
        if let Some(pattern) = self.scribble.as_deref().filter(|_| !any(|files| files.scribble.is_some())) {
            return nothing("scribble", pattern);
        }
        let classes = self.classes.clone();
        Ok(Box::new(Folder { cases, rules, classes, masked: self.mask.is_some() }))
    }
}

struct Patterns {
    image: Pattern,
    mask: Option<Pattern>,
    scribble: Option<Pattern>,
}

impl Patterns {
    /// Which file is what. A file that the pattern of masks or scribbles takes is no image.
    fn sort(&self, files: &[String], root: &Path) -> Vec<Case> {
        let mut cases: BTreeMap<String, Case> = BTreeMap::new();
        for file in files {
            let of = |pattern: &Option<Pattern>| pattern.as_ref().and_then(|pattern| pattern.captures(file));
            let (mask, scribble) = (of(&self.mask), of(&self.scribble));
            let role = match (&scribble, &mask) {
                (Some(_), _) => case::Role::Scribble,
                (None, Some(_)) => case::Role::Mask,
                (None, None) => case::Role::Image,
            };
            let Some(captures) = scribble.or(mask).or_else(|| self.image.captures(file)) else { continue };
            let Some(name) = captures.case.clone() else { continue };
            cases.entry(name.clone()).or_insert_with(|| Case::new(name)).add(role, captures, root.join(file));
        }
        cases.into_values().collect()
    }
}

/// Most files that are looked at.
const FILES: usize = 5_000_000;

/// Relative paths of all files with `/` between parts, sorted; hidden ones and macOS's are left out.
fn files(root: &Path) -> Result<Vec<String>, DataError> {
    let mut files = Vec::new();
    let seen = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "__MACOSX")
    };
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(seen) {
        let entry = entry.map_err(|e| DataError::Folder { path: root.to_owned(), source: e.into() })?;
        let relative = entry.path().strip_prefix(root).ok().filter(|_| entry.file_type().is_file());
        // A name that is no text can't be in a pattern.
        let parts = relative.and_then(|path| path.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>());
        files.extend(parts.map(|parts| parts.join("/")));
        if files.len() > FILES {
            return wrong("root", format!("there are more than {FILES} files below {}", root.display()));
        }
    }
    files.sort();
    Ok(files)
}

struct Folder {
    cases: Vec<Case>,
    rules: Rules,
    classes: Vec<Class>,
    masked: bool,
}

impl Cases for Folder {
    fn classes(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    fn codes(&self) -> Vec<Vec<Code>> {
        self.classes.iter().map(|class| class.codes.list().to_vec()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.cases.iter().map(|case| case.name.clone()).collect()
    }

    fn survey(&self, index: usize) -> Found {
        self.cases[index].survey(&self.rules, self.masked)
    }
}
