//! Patterns of paths with placeholders: `{case}/{volume}_{slice}.png`.

use std::fmt;

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Case,
    Volume,
    Slice,
    Group,
}

impl Field {
    const ALL: [(Field, &str); 4] =
        [(Field::Case, "case"), (Field::Volume, "volume"), (Field::Slice, "slice"), (Field::Group, "group")];

    fn named(name: &str) -> Result<Self, String> {
        match Self::ALL.iter().find(|(_, known)| *known == name) {
            Some((field, _)) => Ok(*field),
            None => {
                let near = Self::ALL.iter().find(|(_, known)| strsim::damerau_levenshtein(name, known) <= 2);
                let meant = near.map_or(String::new(), |(_, known)| format!("; did you mean {{{known}}}?"));
                Err(format!(
                    "there is no placeholder {{{name}}}, only {{case}}, {{volume}}, {{slice}} and {{group}}{meant}"
                ))
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(field, _)| field == self).map_or("", |(_, name)| name);
        write!(f, "{{{name}}}")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(char),
    /// `?`: one character that is no `/`.
    One,
    /// `*`: any number of them.
    Any,
    /// `**/`: any number of folders.
    Folders,
    /// At least one character that is no `/`; of a slice, digits alone.
    Field(Field),
}

/// A pattern of relative paths with `/` between their parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    tokens: Vec<Token>,
}

/// Values of the placeholders of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Captures {
    pub case: Option<String>,
    pub volume: Option<String>,
    /// By number: `003` is `3`.
    pub slice: Option<u64>,
    pub group: Option<String>,
}

/// More of them would let a pattern take forever.
const WILDCARDS: usize = 12;

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (token, length) = match first {
                '{' => {
                    let end = rest.find('}').ok_or("a { has no }")?;
                    (Token::Field(Field::named(&rest[1..end])?), end + 1)
                }
                '*' if rest.starts_with("**/") => (Token::Folders, 3),
                '*' => (Token::Any, 1),
                '?' => (Token::One, 1),
                other => (Token::Text(other), other.len_utf8()),
            };
            tokens.push(token);
            rest = &rest[length..];
        }
        if tokens.iter().filter(|token| !matches!(token, Token::Text(_) | Token::One)).count() > WILDCARDS {
            return Err(format!("it has more than {WILDCARDS} placeholders and stars"));
        }
        if text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err("it must lie below the data set's root: no leading `/`, no `..`".to_owned());
        }
        Ok(Pattern { tokens })
    }

    /// The placeholders that it has, each once, sorted.
    pub fn fields(&self) -> Vec<Field> {
        let field = |token: &Token| if let Token::Field(field) = token { Some(*field) } else { None };
        let mut fields: Vec<Field> = self.tokens.iter().filter_map(field).collect();
        fields.sort();
        fields.dedup();
        fields
    }

    /// The placeholders' values, each as long as it can be; the same one has the same value everywhere.
    pub fn captures(&self, path: &str) -> Option<Captures> {
        let mut values = [None; 4];
        matches(&self.tokens, path, &mut values).then(|| {
            let text = |field: Field| values[field as usize].map(str::to_owned);
            let slice = values[Field::Slice as usize].and_then(|digits| digits.parse().ok());
            Captures { case: text(Field::Case), volume: text(Field::Volume), slice, group: text(Field::Group) }
        })
    }
}

/// Ends of the prefixes of `text` that a run of such characters can take, the longest first.
fn ends(text: &str, least: usize, fits: impl Fn(char) -> bool) -> Vec<usize> {
    let mut ends = vec![0];
    ends.extend(text.char_indices().take_while(|(_, c)| fits(*c)).map(|(i, c)| i + c.len_utf8()));
    ends.drain(..least.min(ends.len()));
    ends.reverse();
    ends
}

fn matches<'a>(tokens: &[Token], text: &'a str, values: &mut [Option<&'a str>; 4]) -> bool {
    let Some((token, tokens)) = tokens.split_first() else { return text.is_empty() };
    let in_part = |c: char| c != '/';
    match token {
        Token::Text(c) => text.strip_prefix(*c).is_some_and(|text| matches(tokens, text, values)),
        Token::One => {
            text.chars().next().filter(|c| in_part(*c)).is_some_and(|c| matches(tokens, &text[c.len_utf8()..], values))
        }
        Token::Any => ends(text, 0, in_part).into_iter().any(|end| matches(tokens, &text[end..], values)),
        Token::Folders => {
            let starts = std::iter::once(0).chain(text.match_indices('/').map(|(i, _)| i + 1));
            starts.collect::<Vec<_>>().into_iter().any(|start| matches(tokens, &text[start..], values))
        }
        Token::Field(field) => {
            if let Some(value) = values[*field as usize] {
                return text.strip_prefix(value).is_some_and(|text| matches(tokens, text, values));
            }
            let ends = match field {
                Field::Slice => ends(text, 1, |c| c.is_ascii_digit()),
                _ => ends(text, 1, in_part),
            };
            for end in ends {
                values[*field as usize] = Some(&text[..end]);
                if matches(tokens, &text[end..], values) {
                    return true;
                }
            }
            values[*field as usize] = None;
            false
        }
    }
}
