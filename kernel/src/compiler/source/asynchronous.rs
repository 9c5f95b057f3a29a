//! The runtime of a cell with an `.await`.

/// The name under which evcxr keeps it.
const NAME: &str = "\"evcxr_tokio_runtime\"";
/// What evcxr makes.
const TOKIOS: &str = "tokio::runtime::Runtime::new()";

/// The source with the helpers' own runtime in place of tokio's (`momentum_cells::asynchronous`).
pub(in super::super) fn with_own_runtime(source: &str, helpers: Option<&str>) -> String {
    let place = helpers.and_then(|crate_name| {
        let name = source.find(NAME)?;
        let at = name + source[name..].find(TOKIOS)?;
        Some((crate_name, at))
    });
    let Some((crate_name, at)) = place else { return source.to_owned() };
    let rest = &source[at + TOKIOS.len()..];
    format!("{}{crate_name}::asynchronous::Runtime::new(){rest}", &source[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evcxrs_runtime_is_replaced_and_the_authors_is_not() {
        let source = "tokio::runtime::Runtime::new();\nlazy_arc(\"evcxr_tokio_runtime\", || \
            Mutex::new(tokio::runtime::Runtime::new().unwrap()));\nx";
        let replaced = with_own_runtime(source, Some("momentum_cells"));
        assert_eq!(
            replaced,
            "tokio::runtime::Runtime::new();\nlazy_arc(\"evcxr_tokio_runtime\", || \
             Mutex::new(momentum_cells::asynchronous::Runtime::new().unwrap()));\nx"
        );
        assert_eq!(with_own_runtime(source, None), source);
        assert_eq!(with_own_runtime("f()", Some("momentum_cells")), "f()");
    }
}
