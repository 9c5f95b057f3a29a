//! Formulas of LaTeX in typst's own notation.

use pulldown_latex::event::{
    Content, EnvironmentFlow, Event, Font, Grouping, ScriptType, StateChange, Visual,
};
use pulldown_latex::{Parser, Storage};

/// The formula in typst's notation; `None` where it holds something that has no counterpart here.
pub(super) fn to_typst(latex: &str) -> Option<String> {
    let storage = Storage::new();
    let events: Vec<Event<'_>> = Parser::new(latex, &storage).collect::<Result<_, _>>().ok()?;
    let mut formula = Formula { events: &events, at: 0, depth: 0 };
    let text = formula.sequence()?;
    (formula.at == events.len()).then_some(text)
}

struct Formula<'a> {
    events: &'a [Event<'a>],
    at: usize,
    depth: usize,
}

impl Formula<'_> {
    /// Elements up to the end of the group.
    fn sequence(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(event) = self.events.get(self.at) {
            match event {
                Event::End => break,
                Event::StateChange(StateChange::Font(Some(font))) => {
                    self.at += 1;
                    let name = name_of(*font)?;
                    let rest = self.sequence()?;
                    text.push_str(&format!("{name}({rest}) "));
                    break;
                }
                Event::EnvironmentFlow(EnvironmentFlow::Alignment) => {
                    self.at += 1;
                    text.push_str("& ");
                }
                Event::EnvironmentFlow(EnvironmentFlow::NewLine { .. }) => {
                    self.at += 1;
                    text.push_str("\\ ");
                }
                _ => {
                    text.push_str(&self.element()?);
                    text.push(' ');
                }
            }
        }
        Some(text)
    }

    /// One element: a symbol, a group, or what a command makes of the elements after it.
    fn element(&mut self) -> Option<String> {
        self.depth += 1;
        if self.depth > 200 {
            return None;
        }
        let event = self.events.get(self.at)?;
        self.at += 1;
        let text = match event {
            Event::Content(content) => symbol(content),
            Event::Begin(group) => self.group(group)?,
            Event::Visual(visual) => match visual {
                Visual::SquareRoot => format!("sqrt({})", self.element()?),
                Visual::Root => {
                    let (radicand, index) = (self.element()?, self.element()?);
                    format!("root({index}, {radicand})")
                }
                Visual::Fraction(_) => {
                    let (above, below) = (self.element()?, self.element()?);
                    format!("frac({above}, {below})")
                }
                Visual::Negation => format!("cancel({})", self.element()?),
            },
            Event::Script { ty, .. } => {
                let base = self.element()?;
                match ty {
                    ScriptType::Subscript => format!("attach({base}, b: {})", self.element()?),
                    ScriptType::Superscript => format!("attach({base}, t: {})", self.element()?),
                    ScriptType::SubSuperscript => {
                        let (below, above) = (self.element()?, self.element()?);
                        format!("attach({base}, b: {below}, t: {above})")
                    }
                }
            }
            Event::Space { .. } => "thin".to_owned(),
            Event::StateChange(StateChange::Style(_) | StateChange::Font(None)) => String::new(),
            _ => return None,
        };
        self.depth -= 1;
        Some(text)
    }

    fn group(&mut self, group: &Grouping) -> Option<String> {
        let fence = |c: &Option<char>| c.map_or(String::new(), escaped);
        let text = match group {
            Grouping::Normal
            | Grouping::Equation { .. }
            | Grouping::Align { .. }
            | Grouping::Aligned
            | Grouping::Alignat { .. }
            | Grouping::Alignedat { .. }
            | Grouping::Gather { .. }
            | Grouping::Gathered
            | Grouping::Multline
            | Grouping::Split => self.sequence()?,
            Grouping::LeftRight(left, right) => {
                format!("lr({} {} {})", fence(left), self.sequence()?, fence(right))
            }
            Grouping::Matrix { .. } | Grouping::Array(_) | Grouping::SubArray { .. } => {
                let rows = self.rows(", ")?;
                format!("mat(delim: #none, {})", rows.join("; "))
            }
            Grouping::Cases { left } => {
                let rows = self.rows("& ")?.join(", ");
                let reverse = if *left { "" } else { "reverse: #true, " };
                format!("cases({reverse}{rows})")
            }
        };
        match self.events.get(self.at) {
            Some(Event::End) => self.at += 1,
            _ => return None,
        }
        Some(text)
    }

    /// The rows of a table, their cells parted by `mark`.
    fn rows(&mut self, mark: &str) -> Option<Vec<String>> {
        let mut rows = vec![String::new()];
        loop {
            match self.events.get(self.at)? {
                Event::End => break,
                Event::EnvironmentFlow(EnvironmentFlow::Alignment) => {
                    self.at += 1;
                    rows.last_mut()?.push_str(mark);
                }
                Event::EnvironmentFlow(EnvironmentFlow::NewLine { .. }) => {
                    self.at += 1;
                    rows.push(String::new());
                }
                Event::EnvironmentFlow(_) => self.at += 1,
                _ => {
                    let element = self.element()?;
                    let row = rows.last_mut()?;
                    row.push_str(&element);
                    row.push(' ');
                }
            }
        }
        rows.retain(|row| !row.trim().is_empty());
        Some(rows)
    }
}

fn symbol(content: &Content<'_>) -> String {
    match content {
        Content::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Content::Number(number) => (*number).to_owned(),
        Content::Function(name) => format!("op(\"{name}\")"),
        Content::Ordinary { content, .. }
        | Content::LargeOp { content, .. }
        | Content::BinaryOp { content, .. }
        | Content::Delimiter { content, .. }
        | Content::Punctuation(content) => escaped(*content),
        Content::Relation { content, .. } => {
            let mut bytes = [0; 8];
            let text = content.encode_utf8_to_buf(&mut bytes);
            String::from_utf8_lossy(text).chars().map(escaped).collect()
        }
    }
}

fn escaped(c: char) -> String {
    if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }
}

fn name_of(font: Font) -> Option<&'static str> {
    Some(match font {
        Font::Bold | Font::BoldSymbol | Font::BoldItalic => "bold",
        Font::Italic => "italic",
        Font::UpRight => "upright",
        Font::DoubleStruck => "bb",
        Font::Fraktur => "frak",
        Font::Script => "cal",
        Font::Monospace => "mono",
        Font::SansSerif => "sans",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_written_in_typst() {
        let check = |latex: &str, expected: &str| {
            let text = to_typst(latex).unwrap_or_else(|| panic!("{latex}"));
            assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{latex}");
        };
        check(r"x^2 + y_1", r"attach(x, t: 2) \+ attach(y, b: 1)");
        check(r"\frac{a}{b}", "frac(a , b )");
        check(r"\sqrt{x}", "sqrt(x )");
        check(r"\mathbf{W} x", "bold(W ) x");
        check(r"f(a, b)", r"f \( a \, b \)");
        check(
            r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
            r"lr(\( mat(delim: #none, a , b ; c , d ) \))",
        );
        check(r"\begin{cases} 1 & x \\ 2 & y \end{cases}", "cases(1 & x , 2 & y )");
        check(r"\left\{ x \right\}", r"lr(\{ x \})");
        assert_eq!(to_typst(r"\frac{1"), None);
    }
}
