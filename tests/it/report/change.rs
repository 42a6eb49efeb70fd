use runner::report::change::{Verdict, cells, decisions, verdict};
use runner::report::significance::Significance;
use runner::report::table::{Value, read_csv};

const HEAD: &str = "method,label_fraction,label,metric,class,unit,mean,std,n,p,stars,best\n";

fn table(rows: &str) -> Vec<Value> {
    read_csv(&format!("{HEAD}{rows}")).unwrap()
}

#[test]
fn a_table_is_read_with_quotes_and_empty_cells() {
    let values =
        table("ours,25,\"Ours, \"\"the\"\" method\",dice,all,%,80.5,4,6,0.01,*,true\nplain,25,#5,dice,all,%,,,0,,,\n");
    assert_eq!(
        (values[0].label.as_str(), values[0].mean, values[0].stars.as_str()),
        ("Ours, \"the\" method", Some(80.5), "*")
    );
    assert_eq!((values[1].row.as_str(), values[1].mean), ("plain", None));
    assert_eq!(read_csv("case,volume\na,b\n"), None);
    assert_eq!(read_csv(""), None);
}

#[test]
fn cells_that_moved_came_or_went() {
    let was =
        table("ours,25,Ours,dice,all,%,80,,,,,\nplain,25,#5,dice,all,%,70,,,,,\ngone,25,Gone,dice,all,%,1,,,,,\n");
    let is = table("ours,25,Ours,dice,all,%,81.5,,,,,\nplain,25,#5,dice,all,%,70,,,,,\nnew,25,New,dice,all,%,2,,,,,\n");
    let moved = cells(&was, &is);
    let moved: Vec<_> = moved.iter().map(|cell| (cell.row.as_str(), cell.was, cell.is)).collect();
    assert_eq!(moved, [("ours", Some(80.0), Some(81.5)), ("new", None, Some(2.0)), ("gone", Some(1.0), None)]);
    assert!(cells(&was, &was).is_empty());
}

fn test(column: &str, difference: f64, p: f64) -> Significance {
    let [column, reference, competitor, method] = [column, "ours", "plain", "exact"].map(str::to_owned);
    Significance { column, reference, competitor, difference, p, n: 6, method, ..Significance::default() }
}

#[test]
fn a_decision_flips_with_the_level_or_the_side() {
    assert_eq!(verdict(&test("25", 0.1, 0.05)), Verdict::ReferenceHigher);
    assert_eq!(verdict(&test("25", -0.1, 0.01)), Verdict::CompetitorHigher);
    assert_eq!(verdict(&test("25", 0.1, 0.051)), Verdict::Undecided);
    assert_eq!(verdict(&test("25", 0.1, f64::NAN)), Verdict::Undecided);
    let was = [test("5", 0.1, 0.04), test("25", 0.1, 0.04), test("50", 0.1, 0.04), test("75", 0.1, 0.04)];
    let is = [test("5", 0.2, 0.001), test("25", 0.1, 0.06), test("50", -0.1, 0.04), test("99", 0.1, 0.01)];
    let flipped: Vec<String> = decisions(&was, &is).into_iter().filter(|d| d.flipped).map(|d| d.column).collect();
    assert_eq!(flipped, ["25", "50"], "more asterisks are no flip, nor is a test that one side lacks");
    assert_eq!(decisions(&was, &is).len(), 5);
}
