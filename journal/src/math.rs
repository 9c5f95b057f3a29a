//! Formulas as MathML, drawn by the browser itself: no script, no font, no request.

use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};

use crate::output::escaped;

/// The most bytes of a formula.
const MAX_FORMULA: usize = 20_000;

/// The formula as a `math` element.
///
/// # Errors
/// What is wrong with the formula, in words.
pub(crate) fn to_mathml(latex: &str, display: bool) -> Result<String, String> {
    if latex.len() > MAX_FORMULA {
        return Err(format!("the formula is longer than {MAX_FORMULA} bytes"));
    }
    let storage = Storage::new();
    let events: Vec<_> = Parser::new(latex, &storage).collect();
    if let Some(error) = events.iter().find_map(|event| event.as_ref().err()) {
        let text = error.to_string();
        return Err(text.lines().next().unwrap_or_default().to_owned());
    }
    let source = escaped(latex);
    let config = RenderConfig {
        display_mode: if display { DisplayMode::Block } else { DisplayMode::Inline },
        // The source goes along for those who copy the formula. The renderer writes it as it is.
        annotation: Some(&source),
        ..RenderConfig::default()
    };
    let mut mathml = String::new();
    push_mathml(&mut mathml, events.into_iter(), config).map_err(|error| error.to_string())?;
    // The relation `<` is written bare as well.
    Ok(mathml.replace("><</", ">&lt;</"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_mathml() {
        let mathml = to_mathml(r"x^2 < y", false).unwrap();
        assert!(mathml.starts_with("<math") && mathml.contains("<msup>"), "{mathml}");
        assert!(mathml.contains("x^2 &lt; y</annotation>"), "{mathml}");
        assert!(to_mathml("x", true).unwrap().contains("display=\"block\""));
    }

    #[test]
    fn broken_formulas_are_refused() {
        assert!(to_mathml(r"\frac{1", false).is_err());
        assert!(to_mathml(r"\nosuchcommand", false).is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_gets_out(latex in "(\\\\[a-z]{1,5}|[a-z{}^_&<>\"$ ]|\\\\text\\{<b>|\\\\href){0,20}") {
            if let Ok(mathml) = to_mathml(&latex, false) {
                proptest::prop_assert!(!mathml.contains("<b>") && !mathml.contains("href="));
            }
        }
    }
}
