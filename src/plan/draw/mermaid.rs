use super::{Detail, picture::Picture};
use crate::plan::Plan;

/// A flowchart for Markdown.
pub fn mermaid(plan: &Plan, detail: Detail) -> String {
    let picture = Picture::of(plan, detail);
    let mut text = String::from("flowchart LR\n");
    for node in picture.graph.node_indices() {
        let content = &picture.graph[node];
        let mut lines = vec![escape(&content.title)];
        lines.extend(content.lines.iter().map(|line| format!("<small>{}</small>", escape(line))));
        text += &format!("  n{}[\"{}\"]\n", node.index(), lines.join("<br/>"));
    }
    for (from, to, outputs) in picture.arrows() {
        text += &format!("  n{from} -- \"{}\" --> n{to}\n", escape(&outputs.join(", ")));
    }
    text
}

/// Mermaid takes entities with `#`.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped += "#quot;",
            '<' => escaped += "#lt;",
            '>' => escaped += "#gt;",
            '&' => escaped += "#amp;",
            '#' => escaped += "#35;",
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
