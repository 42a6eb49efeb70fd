use miette::NamedSource;
use std::fmt;
use std::sync::Arc;

/// A text that the user wrote: a file, or an argument such as that of `--set`.
#[derive(Debug)]
pub struct Source {
    code: NamedSource<String>,
    argument: bool,
}

impl Source {
    /// `name` is the path as people shall read it.
    pub fn file(name: impl AsRef<str>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Source { code: NamedSource::new(name, text.into()), argument: false })
    }

    /// The text after an option such as `--set`.
    pub fn argument(option: &str, text: &str) -> Arc<Self> {
        Arc::new(Source { code: NamedSource::new(option, text.to_owned()), argument: true })
    }

    pub fn text(&self) -> &str {
        self.code.inner()
    }

    pub fn code(&self) -> &NamedSource<String> {
        &self.code
    }

    /// Byte offset of a line and column.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let lines = self.text().split_inclusive('\n');
        let start: usize = lines.clone().take(line.saturating_sub(1)).map(str::len).sum();
        let line = self.text().get(start..).unwrap_or_default();
        start + line.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text().get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A place in a [`Source`]; shown as `pipelines/acdc.yaml:14:7`, or as `--set a=b` for an argument.
#[derive(Clone)]
pub struct Mark {
    source: Arc<Source>,
    // A pipeline has hundreds of thousands of places, and no text of gigabytes.
    offset: u32,
    length: u32,
}

impl Mark {
    pub fn new(source: &Arc<Source>, offset: usize, length: usize) -> Self {
        let offset = offset.min(source.text().len());
        let length = length.min(source.text().len() - offset);
        let short = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Mark { source: source.clone(), offset: short(offset), length: short(length) }
    }

    /// The beginning of a text.
    pub fn start(source: &Arc<Source>) -> Self {
        Mark::new(source, 0, 0)
    }

    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Byte offset and length.
    pub fn span(&self) -> (usize, usize) {
        (self.offset as usize, self.length as usize)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.argument {
            return write!(f, "{} {}", self.source.code.name(), self.source.text());
        }
        write!(f, "{}", self.source.code.name())?;
        if self.source.text().is_empty() {
            return Ok(());
        }
        let (line, column) = self.source.position(self.offset as usize);
        write!(f, ":{line}:{column}")
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
