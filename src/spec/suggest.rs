/// The known name that was most likely meant.
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    let best = known.into_iter().map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    // Half of a short word may be wrong, a third of a long one.
    let tolerated = (typed.chars().count() / 3).max(if typed.chars().count() > 2 { 2 } else { 1 });
    (best.0 <= tolerated).then_some(best.1)
}

/// "did you mean `epochs`?"
pub fn did_you_mean(typed: &str, known: &[String]) -> Option<String> {
    closest(typed, known.iter().map(String::as_str)).map(|name| format!("did you mean `{name}`?"))
}

/// "`slices`, `scribbles`, `split`", cut short after 12.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
