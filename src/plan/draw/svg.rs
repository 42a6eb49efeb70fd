use super::layout::{CHARACTER, LINE, Layout, MARGIN, PADDING, Rectangle};
use super::{Detail, picture::Picture};
use crate::plan::Plan;
use std::collections::BTreeSet;

const HEADING: f64 = 30.0;

/// A drawing with sources at the left: a box's column is the longest path that leads to it.
pub fn svg(plan: &Plan, detail: Detail) -> String {
    let picture = Picture::of(plan, detail);
    let Layout { slots: boxes, routes } = Layout::of(&picture, HEADING);
    let right = boxes.iter().map(|b| b.x + b.width).fold(plan.title.chars().count() as f64 * CHARACTER, f64::max);
    let bottom = boxes.iter().map(|b| b.y + b.height).fold(HEADING, f64::max);
    let (width, height) = (right + MARGIN, bottom + MARGIN);
    let title = escape(&plan.title);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"ui-monospace, monospace\" font-size=\"12\" role=\"img\">\n\
         <title>{title}</title>\n\
         <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"{:.0}\" font-weight=\"bold\">{title}</text>\n",
        HEADING - 6.0,
    );
    let mut said = BTreeSet::new();
    for ((from, _, outputs), route) in picture.arrows().zip(&routes) {
        // With every instance drawn, labels would hide the arrows; and one label serves all arrows of an output.
        let label = outputs.join(", ");
        let label = if detail == Detail::Entries && said.insert((from, label.clone())) { label } else { String::new() };
        let route: Vec<&Rectangle> = route.iter().map(|&slot| &boxes[slot]).collect();
        text += &arrow(&route, &label);
    }
    for node in picture.graph.node_indices() {
        let content = &picture.graph[node];
        text += &rectangle(&boxes[node.index()], &content.title, &content.lines);
    }
    text + "</svg>\n"
}

fn arrow(route: &[&Rectangle], label: &str) -> String {
    let Some((from, way)) = route.split_first() else { return String::new() };
    let (x0, y0) = (from.x + from.width, from.middle());
    let (mut x, mut y) = (x0, y0);
    let mut path = format!("M{x:.1} {y:.1}");
    for (i, next) in way.iter().enumerate() {
        let bend = (next.x - x) / 2.0;
        path += &format!(
            "C{:.1} {y:.1} {:.1} {:.1} {:.1} {:.1}",
            x + bend,
            next.x - bend,
            next.middle(),
            next.x,
            next.middle()
        );
        (x, y) = (next.x, next.middle());
        if i + 1 < way.len() {
            x += next.width;
            path += &format!("H{x:.1}");
        }
    }
    let mut text = format!("<path d=\"{path}\" fill=\"none\" stroke=\"#667\" marker-end=\"url(#head)\"/>\n");
    if let (false, Some(first)) = (label.is_empty(), way.first()) {
        // Where arrows out of one box have parted already.
        let (x, y) = (x0 + 0.45 * (first.x - x0), y0 + 0.43 * (first.middle() - y0) - 4.0);
        text += &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"10\" fill=\"#667\">{}</text>\n", escape(label));
    }
    text
}

fn rectangle(at: &Rectangle, title: &str, lines: &[String]) -> String {
    let Rectangle { x, y, width, height } = at;
    let mut text = format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\" fill=\"#eef3fa\" \
         stroke=\"#346\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\">{}</text>\n",
        x + PADDING,
        y + PADDING + 9.0,
        escape(title),
    );
    for (i, line) in lines.iter().enumerate() {
        let below = y + PADDING + 9.0 + (i + 1) as f64 * LINE;
        text += &format!("<text x=\"{:.1}\" y=\"{below:.1}\" fill=\"#456\">{}</text>\n", x + PADDING, escape(line));
    }
    text
}

fn escape(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
