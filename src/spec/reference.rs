use super::fault::{Fault, SpecError};
use super::{Located, Mark, Tree, tree::Value};
use std::borrow::Cow;

/// Everything that a reference `${path}` can name: settings, the catalogue, `matrix`, `pipeline`, `profile`,
/// `title` and `results`.
#[derive(Debug, Clone)]
pub struct Scope {
    pub root: Tree,
}

/// The values of the axes that a stage runs for: what `${matrix.AXIS}` means there.
pub type Point<'a> = [(&'a str, &'a Tree)];

/// A reference may unfold to this many values at most, through this many references.
const MOST_VALUES: usize = 100_000;
const DEEPEST: usize = 16;

impl Scope {
    /// Puts in the values of all references: a reference that is a whole scalar gives the tree that it names,
    /// inside a text it gives text.
    pub fn expand(&self, tree: &Tree, point: &Point) -> Result<Tree, SpecError> {
        Expansion { scope: self, point, ring: Vec::new(), left: MOST_VALUES }.tree(tree)
    }
}

struct Expansion<'a> {
    scope: &'a Scope,
    point: &'a Point<'a>,
    /// References being resolved, outermost first.
    ring: Vec<String>,
    left: usize,
}

impl Expansion<'_> {
    fn tree(&mut self, tree: &Tree) -> Result<Tree, SpecError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| too_much(&tree.mark))?;
        let value = match &tree.value {
            Value::Text(text) if text.contains("${") => return self.text(text, &tree.mark),
            Value::List(items) => Value::List(items.iter().map(|item| self.tree(item)).collect::<Result<_, _>>()?),
            Value::Map(entries) => {
                let entry = |(key, value): &(super::Name, Tree)| Ok((key.clone(), self.tree(value)?));
                Value::Map(entries.iter().map(entry).collect::<Result<_, SpecError>>()?)
            }
            scalar => scalar.clone(),
        };
        Ok(Tree { value, mark: tree.mark.clone() })
    }

    fn text(&mut self, text: &str, mark: &Mark) -> Result<Tree, SpecError> {
        let pieces = Piece::parse(text, mark)?;
        if let [Piece::Reference(path)] = pieces.as_slice() {
            let path = self.join(path, mark)?;
            return self.resolve(&path, mark);
        }
        Ok(Tree::text(self.join(&pieces, mark)?, mark))
    }

    fn join(&mut self, pieces: &[Piece], mark: &Mark) -> Result<String, SpecError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Reference(inner) => {
                    let path = self.join(inner, mark)?;
                    let tree = self.resolve(&path, mark)?;
                    let not_text = || Located::new(mark, Fault::NotText { path: path.clone(), found: tree.kind() });
                    text.push_str(&tree.scalar().ok_or_else(not_text)?);
                }
            }
        }
        Ok(text)
    }

    /// The tree that a path names, with its own references put in.
    fn resolve(&mut self, path: &str, mark: &Mark) -> Result<Tree, SpecError> {
        if let Some(start) = self.ring.iter().position(|other| other == path) {
            let ring = self.ring[start..].iter().cloned().chain([path.to_owned()]).collect();
            return Err(Located::new(mark, Fault::ReferenceCycle { ring }));
        }
        if self.ring.len() == DEEPEST {
            return Err(too_much(mark));
        }
        self.ring.push(path.to_owned());
        let tree = match path.strip_prefix("matrix.") {
            Some(axis) => self.axis(axis, mark)?.clone(),
            None => self.walk(path, mark)?,
        };
        self.ring.pop();
        Ok(tree)
    }

    fn axis(&self, axis: &str, mark: &Mark) -> Result<&Tree, SpecError> {
        if let Some((_, value)) = self.point.iter().find(|(name, _)| *name == axis) {
            return Ok(value);
        }
        let mut known = self.scope.root.get("matrix").map(Tree::keys).unwrap_or_default();
        known.retain(|name| name != super::pipeline::EXCLUDE);
        let for_each = self.point.iter().map(|(name, _)| (*name).to_owned()).collect();
        let axis = axis.to_owned();
        let unknown = !known.contains(&axis);
        let fault = if unknown { Fault::UnknownAxis { axis, known } } else { Fault::ForeignAxis { axis, for_each } };
        Err(Located::new(mark, fault))
    }

    fn walk(&mut self, path: &str, mark: &Mark) -> Result<Tree, SpecError> {
        let scope = self.scope;
        let mut current = Cow::Borrowed(&scope.root);
        // How much of the path led to `current`.
        let mut walked = 0;
        for step in path.split('.') {
            if matches!(&*current, Tree { value: Value::Text(text), .. } if text.contains("${"))
                && matches!(current, Cow::Borrowed(_))
            {
                current = Cow::Owned(self.resolve(&path[..walked], mark)?);
            }
            let next = match &current {
                Cow::Borrowed(tree) => tree.get(step).map(Cow::Borrowed),
                Cow::Owned(tree) => tree.get(step).cloned().map(Cow::Owned),
            };
            current = next.ok_or_else(|| nowhere(path, &path[..walked], step, &current, mark))?;
            walked += step.len() + usize::from(walked > 0);
        }
        match current {
            Cow::Borrowed(raw) => self.tree(raw),
            // Its references are in already.
            Cow::Owned(tree) => Ok(tree),
        }
    }
}

fn nowhere(path: &str, walked: &str, step: &str, current: &Tree, mark: &Mark) -> SpecError {
    let within = if walked.is_empty() { "the pipeline".to_owned() } else { format!("`{walked}`") };
    let path = path.to_owned();
    let fault = match current.value {
        Value::Map(_) => Fault::UnknownReference { path, within, key: step.to_owned(), known: current.keys() },
        _ => Fault::NotAMapping { path, within, found: current.kind() },
    };
    Located::new(mark, fault)
}

fn too_much(mark: &Mark) -> SpecError {
    Located::new(mark, Fault::TooMuch { limit: MOST_VALUES })
}

/// A part of a text: `a-${b.${c}}` is `a-` and a reference to `b.` and a reference to `c`.
enum Piece {
    Plain(String),
    Reference(Vec<Piece>),
}

impl Piece {
    fn parse(text: &str, mark: &Mark) -> Result<Vec<Piece>, SpecError> {
        let mut rest = text;
        Piece::sequence(&mut rest, 0, mark)
    }

    /// Reads up to the end, or inside of a reference up to its `}`.
    fn sequence(rest: &mut &str, depth: usize, mark: &Mark) -> Result<Vec<Piece>, SpecError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        loop {
            if let Some(after) = rest.strip_prefix("$${") {
                plain.push_str("${");
                *rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                if depth == DEEPEST {
                    return Err(too_much(mark));
                }
                *rest = after;
                Piece::push(&mut pieces, &mut plain);
                pieces.push(Piece::Reference(Piece::sequence(rest, depth + 1, mark)?));
            } else if depth > 0 && rest.starts_with('}') {
                *rest = &rest[1..];
                break;
            } else if let Some(c) = rest.chars().next() {
                plain.push(c);
                *rest = &rest[c.len_utf8()..];
            } else if depth > 0 {
                return Err(Located::new(mark, Fault::OpenReference));
            } else {
                break;
            }
        }
        Piece::push(&mut pieces, &mut plain);
        Ok(pieces)
    }

    fn push(pieces: &mut Vec<Piece>, plain: &mut String) {
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(plain)));
        }
    }
}
