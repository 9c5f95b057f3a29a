//! The nearest names to one that was not found.

/// Up to three of `known` that resemble `wanted`, nearest first.
pub(crate) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 2).max(2);
    let mut scored: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            let distance = strsim::damerau_levenshtein(&lower, &candidate);
            // A name that contains the other is near, however long it is.
            let part = candidate.contains(&lower) || lower.contains(&candidate);
            (distance <= limit || part && !lower.is_empty()).then_some((distance, name))
        })
        .collect();
    scored.sort();
    scored.dedup();
    scored.truncate(3);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// "did you mean `a` or `b`?", or the known names where nothing is near.
pub(crate) fn did_you_mean<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    let near = nearest(wanted, known.clone());
    if !near.is_empty() {
        let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        return Some(format!("did you mean {}?", names.join(" or ")));
    }
    let names: Vec<String> = known.into_iter().take(12).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("there are: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ranked_by_distance() {
        let known = ["layer-1-maps", "last-layer-maps", "kernels", "curves"];
        assert_eq!(nearest("layer-1-map", known), ["layer-1-maps"]);
        assert_eq!(nearest("Curve", known), ["curves"]);
        assert_eq!(nearest("zzzzzzzz", known), Vec::<&str>::new());
    }

    #[test]
    fn without_a_near_name_all_are_listed() {
        assert_eq!(did_you_mean("qqqqq", ["one", "two"]).unwrap(), "there are: `one`, `two`");
        assert_eq!(did_you_mean("qqqqq", []), None);
    }
}
