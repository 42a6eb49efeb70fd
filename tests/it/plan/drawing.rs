use super::toy::{ABLATION, plan};
use insta::assert_snapshot;
use runner::plan::Plan;
use runner::plan::draw::{Detail, dot, mermaid, svg};

fn ablation() -> Plan {
    plan(ABLATION, &[]).unwrap()
}

#[test]
fn mermaid_of_entries() {
    assert_snapshot!(mermaid(&ablation(), Detail::Entries));
}

#[test]
fn mermaid_of_instances() {
    assert_snapshot!(mermaid(&ablation(), Detail::Instances));
}

#[test]
fn dot_of_entries() {
    assert_snapshot!(dot(&ablation(), Detail::Entries));
}

#[test]
fn svg_of_entries() {
    assert_snapshot!(svg(&ablation(), Detail::Entries));
}

#[test]
fn text_is_escaped() {
    let mut plan = ablation();
    plan.title = "A <b>\"bold\"</b> & \\ title".to_owned();
    for node in &mut plan.nodes {
        node.entry = format!("<{}> \"&\" #\\", node.entry);
    }
    let svg = svg(&plan, Detail::Instances);
    assert!(svg.contains("<title>A &lt;b&gt;&quot;bold&quot;&lt;/b&gt; &amp; \\ title</title>"));
    assert!(svg.contains("&lt;train&gt; &quot;&amp;&quot; #\\"));
    assert!(mermaid(&plan, Detail::Entries).contains("#lt;train#gt; #quot;#amp;#quot; #35;\\ ×4"));
    assert!(dot(&plan, Detail::Entries).contains("label=\"<train> \\\"&\\\" #\\\\ ×4"));
}
