use super::Mark;
use miette::{Diagnostic, LabeledSpan, SourceCode, SourceSpan};
use std::error::Error;
use std::fmt;

/// What a fault tells besides its message.
pub trait Explain: Error {
    /// Words below the underlined text.
    fn label(&self) -> String;
    /// What to do.
    fn help(&self) -> Option<String>;
}

/// A fault and the place in the user's text where it stands.
///
/// `Display` is one plain line, `pipelines/acdc.yaml:14:7: ...`; printed as a [`miette::Report`] it shows the text.
pub struct Located<F>(Box<Inner<F>>);

struct Inner<F> {
    at: Mark,
    fault: F,
}

impl<F> Located<F> {
    pub fn new(at: &Mark, fault: F) -> Self {
        Located(Box::new(Inner { at: at.clone(), fault }))
    }

    pub fn fault(&self) -> &F {
        &self.0.fault
    }

    pub fn at(&self) -> &Mark {
        &self.0.at
    }

    /// Keeps the place and wraps the fault.
    pub fn map<G>(self, wrap: impl FnOnce(F) -> G) -> Located<G> {
        let Inner { at, fault } = *self.0;
        Located(Box::new(Inner { at, fault: wrap(fault) }))
    }
}

impl<F: fmt::Display> fmt::Display for Located<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.at, self.0.fault)
    }
}

impl<F: fmt::Display> fmt::Debug for Located<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<F: Error> Error for Located<F> {}

impl<F: Explain> Diagnostic for Located<F> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.fault.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let source = self.0.at.source();
        (!source.text().is_empty()).then(|| source.code() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.0.fault.label()), SourceSpan::from(self.0.at.span()));
        Some(Box::new(std::iter::once(label)))
    }
}
