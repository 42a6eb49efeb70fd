//! A quick reader for the plain part of YAML that pipelines are mostly written in: block mappings of plain keys, and
//! on one line plain or quoted texts, whole numbers, `[..]` and `{..}`. It gives the very trees that the full reader
//! gives, or nothing at all: for all else, and for whatever is wrong, the full reader has the word.

use super::tree::Value;
use super::{Mark, Name, Source, Tree};
use std::collections::HashSet;
use std::sync::Arc;

/// `None`: read it the long way.
pub fn read_quickly(source: &Arc<Source>) -> Option<Tree> {
    let text = source.text();
    if !text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)) {
        return None;
    }
    let lines = lines(text)?;
    let mut reader = Reader { source, text, lines, at: 0 };
    let tree = reader.mapping(0)?;
    (reader.at == reader.lines.len()).then_some(tree)
}

/// A line that holds something: where its text begins and ends, and how far it is indented.
struct Line {
    start: usize,
    end: usize,
    indent: usize,
}

/// Lines without blank ones and comments.
fn lines(text: &str) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    let mut offset = 0;
    for line in text.split('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let trimmed = line.trim_end_matches(' ');
        if trimmed.len() > indent && !trimmed[indent..].starts_with('#') {
            lines.push(Line { start: offset + indent, end: offset + trimmed.len(), indent });
        }
        offset += line.len() + 1;
    }
    Some(lines).filter(|lines| !lines.is_empty())
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    lines: Vec<Line>,
    at: usize,
}

impl Reader<'_> {
    fn mark(&self, start: usize, end: usize) -> Mark {
        Mark::new(self.source, start, end - start)
    }

    /// A block mapping whose keys are indented by `indent`.
    fn mapping(&mut self, indent: usize) -> Option<Tree> {
        let start = self.lines.get(self.at)?.start;
        let mut entries: Vec<(Name, Tree)> = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        let text = self.text;
        while let Some(line) = self.lines.get(self.at) {
            if line.indent < indent {
                break;
            }
            let (start, end) = (line.start, line.end);
            let length = text[start..end].find(':')?;
            let key = &text[start..start + length];
            if line.indent > indent || !is_word(key) || !seen.insert(key) {
                return None;
            }
            let name = Name { text: key.to_owned(), mark: self.mark(start, start + length) };
            self.at += 1;
            let rest = start + length + 1;
            let value = if rest == end { self.below(indent)? } else { self.inline(rest, end, indent)? };
            entries.push((name, value));
        }
        entries.shrink_to_fit();
        Some(Tree { value: Value::Map(entries), mark: self.mark(start, start) })
    }

    /// What stands below a key without a value of its own on its line.
    fn below(&mut self, indent: usize) -> Option<Tree> {
        let next = self.lines.get(self.at)?;
        if next.indent <= indent { None } else { self.mapping(next.indent) }
    }

    /// What stands behind `key:`, all of it on that line.
    fn inline(&mut self, rest: usize, end: usize, indent: usize) -> Option<Tree> {
        let more = self.lines.get(self.at).is_some_and(|next| next.indent > indent);
        if more || self.text.as_bytes().get(rest) != Some(&b' ') {
            return None;
        }
        let mut flow = Flow { reader: self, at: rest, end };
        flow.skip_blanks();
        let tree = match flow.peek()? {
            b'[' | b'{' | b'"' | b'\'' => flow.value(0)?,
            _ => flow.plain(flow.end)?,
        };
        flow.skip_blanks();
        (flow.at == end).then_some(tree)
    }
}

/// One line's values.
struct Flow<'a> {
    reader: &'a Reader<'a>,
    at: usize,
    end: usize,
}

impl Flow<'_> {
    fn rest(&self) -> &str {
        &self.reader.text[self.at..self.end]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Tree> {
        match self.peek()? {
            _ if depth > 8 => None,
            b'[' => self.list(depth),
            b'{' => self.map(depth),
            quote @ (b'"' | b'\'') => self.quoted(quote),
            _ => {
                let length = self.rest().find([',', ']', '}', '[', '{'])?;
                let stop = self.at + self.rest()[..length].trim_end_matches(' ').len();
                self.plain(stop)
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Tree> {
        let start = self.at;
        self.take(b'[')?;
        let mut items = Vec::new();
        self.skip_blanks();
        while self.peek()? != b']' {
            items.push(self.value(depth + 1)?);
            self.separator(b']')?;
        }
        self.take(b']')?;
        items.shrink_to_fit();
        Some(Tree { value: Value::List(items), mark: self.reader.mark(start, start + 1) })
    }

    fn map(&mut self, depth: usize) -> Option<Tree> {
        let start = self.at;
        self.take(b'{')?;
        let mut entries: Vec<(Name, Tree)> = Vec::new();
        self.skip_blanks();
        while self.peek()? != b'}' {
            let (at, length) = (self.at, self.rest().find(':')?);
            let key = &self.reader.text[at..at + length];
            if !is_word(key) || entries.iter().any(|(name, _)| name.text == key) {
                return None;
            }
            self.at += length + 1;
            self.take(b' ')?;
            self.skip_blanks();
            let name = Name { text: key.to_owned(), mark: self.reader.mark(at, at + length) };
            entries.push((name, self.value(depth + 1)?));
            self.separator(b'}')?;
        }
        self.take(b'}')?;
        entries.shrink_to_fit();
        Some(Tree { value: Value::Map(entries), mark: self.reader.mark(start, start + 1) })
    }

    /// A comma and another item, or the end.
    fn separator(&mut self, close: u8) -> Option<()> {
        self.skip_blanks();
        if self.peek()? == close {
            return Some(());
        }
        self.take(b',')?;
        self.skip_blanks();
        (self.peek()? != close && self.peek()? != b',').then_some(())
    }

    /// A quoted text without escapes.
    fn quoted(&mut self, quote: u8) -> Option<Tree> {
        let start = self.at;
        self.at += 1;
        let length = self.rest().find(char::from(quote))?;
        let text = self.rest()[..length].to_owned();
        self.at += length + 1;
        let follows = self.peek();
        if text.contains('\\') || follows.is_some_and(|byte| !matches!(byte, b' ' | b',' | b']' | b'}')) {
            return None;
        }
        Some(Tree { value: Value::Text(text), mark: self.reader.mark(start, self.at) })
    }

    /// A plain text or whole number up to `stop`.
    fn plain(&mut self, stop: usize) -> Option<Tree> {
        let (start, text) = (self.at, self.reader.text.get(self.at..stop)?);
        let value = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // No leading zero, which is octal to some, and nothing that is too long for its type.
            let whole = text == "0" || !text.starts_with('0') && (1..=15).contains(&text.len());
            Value::Number(whole.then(|| text.parse::<u64>().ok())??.into())
        } else if is_text(text) {
            Value::Text(text.to_owned())
        } else {
            return None;
        };
        self.at = stop;
        Some(Tree { value, mark: self.reader.mark(start, stop) })
    }
}

/// A key that is a text to every reader of YAML.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') && is_text(text)
}

/// Whether a plain scalar is a text: it begins like one, has nothing that means more, and is no word for another type.
fn is_text(text: &str) -> bool {
    const WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"];
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _-./<>=+,;()$".contains(&byte);
    begins && text.bytes().all(plain) && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
