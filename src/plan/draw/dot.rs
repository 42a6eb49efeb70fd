use super::{Detail, picture::Picture};
use crate::plan::Plan;

/// A graph for Graphviz: `runner graph --format dot ... | dot -Tpdf`.
pub fn dot(plan: &Plan, detail: Detail) -> String {
    let picture = Picture::of(plan, detail);
    let mut text = format!("digraph \"{}\" {{\n", escape(&plan.name));
    text += "  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    for node in picture.graph.node_indices() {
        let content = &picture.graph[node];
        let lines: Vec<String> = [&content.title].into_iter().chain(&content.lines).map(|line| escape(line)).collect();
        text += &format!("  n{} [label=\"{}\"];\n", node.index(), lines.join("\\n"));
    }
    for (from, to, outputs) in picture.arrows() {
        text += &format!("  n{from} -> n{to} [label=\"{}\"];\n", escape(&outputs.join(", ")));
    }
    text + "}\n"
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ")
}
