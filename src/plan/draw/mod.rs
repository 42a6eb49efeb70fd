//! Drawings of a plan as text: mermaid for Markdown, dot for Graphviz, and SVG to look at as it is.

mod dot;
mod layout;
mod mermaid;
mod picture;
mod svg;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// What gets a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Each entry of the pipeline, with the number of its instances: `train ×18`.
    #[default]
    Entries,
    /// Each instance.
    Instances,
}
