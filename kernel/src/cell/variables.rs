//! The variables that a cell defines, and writing their types into it.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{TextRange, TextSize};

use super::{BEFORE, parse, statements};
use crate::compiler::VariableType;

/// A `let` whose type the compiler has to tell.
struct Untyped {
    statement: TextRange,
    /// From behind the pattern to before the `=`: nothing, or a type that has a hole.
    annotation: TextRange,
    /// Name, and whether it is mutable, of each variable of the pattern.
    variables: Vec<(String, bool)>,
    /// Whether the pattern is a name and nothing else.
    plain: bool,
}

impl Untyped {
    fn annotation_is_empty(&self) -> bool {
        // One space between the name and the `=`, at most.
        usize::from(self.annotation.len()) <= 1
    }
}

/// The variables whose types must be asked for; empty for a cell that is not parsed without error.
pub(crate) fn new_variables(source: &str) -> Vec<String> {
    let names = |found: Untyped| found.variables.into_iter().map(|(name, _)| name);
    untyped(source).into_iter().flat_map(names).collect()
}

/// A cell into which types were written, and how to get back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// What evcxr is given.
    pub(crate) text: String,
    /// What was written: where in `text`, what stood there, and what stands there now; in order.
    edits: Vec<(usize, String, String)>,
    /// The names that stand for types which only the compiler will tell; see [`with_stand_ins`].
    pub(crate) stand_ins: Vec<String>,
}

impl Typed {
    /// A cell into which nothing was written.
    pub(crate) fn plain(text: String) -> Typed {
        Typed { text, ..Typed::default() }
    }

    /// Of the names that stand for types: what stands there now and what stood there before, in
    /// order. What was written around a pattern is not among it, since evcxr takes it apart.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (&str, &str)> {
        let plain = self.edits.iter().filter(|_| !self.stand_ins.is_empty());
        let plain = plain.filter(|(_, _, now)| now.starts_with(':'));
        plain.map(|(_, before, now)| (now.as_str(), before.as_str()))
    }

    /// The text that the compiler sees: of names that stand for types, nothing is left.
    pub(crate) fn compiled(&self) -> String {
        let mut text = self.text.clone();
        for (now, before) in self.replaced() {
            text = text.replacen(now, before, 1);
        }
        self.stand_ins.iter().rev().fold(text, |text, name| text.replace(name.as_str(), "_"))
    }

    /// The cell as its author wrote it.
    pub(crate) fn original(&self) -> String {
        let mut text = self.text.clone();
        for (at, before, now) in self.edits.iter().rev() {
            text.replace_range(*at..at + now.len(), before);
        }
        text
    }

    /// Whether something was written.
    pub(crate) fn is_changed(&self) -> bool {
        !self.edits.is_empty()
    }

    /// The column in the author's line for one in the compiled line; both count characters from 1.
    pub(crate) fn column(&self, line: usize, column: usize) -> usize {
        let starts = |line: usize| {
            let lines = self.text.split_inclusive('\n');
            lines.take(line.saturating_sub(1)).map(str::len).sum::<usize>()
        };
        let start = starts(line);
        let rest = self.text[start..].split('\n').next().unwrap_or_default();
        let bytes =
            rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
        let (offset, mut result) = (start + bytes, column);
        for (at, before, now) in &self.edits {
            if *at < start || *at >= offset {
                continue;
            }
            let (was, is) = (before.chars().count(), now.chars().count());
            let within = self.text[*at..offset.min(at + now.len())].chars().count();
            // Inside of what was written: its beginning.
            result = if at + now.len() <= offset { result + was - is } else { result - within };
        }
        result
    }

    /// A text about the compiled cell as one about the author's.
    pub(crate) fn untyped(&self, text: &str) -> String {
        self.edits.iter().fold(text.to_owned(), |text, (_, before, now)| {
            if now.trim().is_empty() { text } else { text.replace(now.as_str(), before) }
        })
    }
}

/// Writes the types into the cell, without changing the number of any line.
pub(crate) fn with_types(source: &str, types: &[VariableType]) -> Typed {
    let type_of = |name: &str| {
        let found = types.iter().rev().find(|variable| variable.name == name)?;
        // A closure or an opaque type has no name: evcxr explains what to do about it.
        let nameable = !found.type_name.contains(['{', '}']) && !found.type_name.contains("impl ");
        nameable.then_some(found.type_name.as_str())
    };
    written(source, &type_of)
}

/// Writes a name that stands for its type to each variable whose type the compiler has to tell, so
/// that evcxr is content without anyone having asked. `name` gives them by number; nobody defines
/// them: the kernel's compiler puts what the author wrote in their place.
pub(crate) fn with_stand_ins(source: &str, name: impl Fn(usize) -> String) -> Typed {
    let mut names = new_variables(source);
    names.sort();
    names.dedup();
    let stand_ins: Vec<_> = (0..names.len()).map(name).collect();
    let stand_in = |name: &str| {
        let number = names.iter().position(|known| known == name)?;
        Some(stand_ins[number].as_str())
    };
    let typed = written(source, &stand_in);
    Typed { stand_ins, ..typed }
}

/// Writes what `type_of` says of each variable.
fn written<'a>(source: &str, type_of: &dyn Fn(&str) -> Option<&'a str>) -> Typed {
    // From the end to the beginning: what is written does not move what comes before it.
    let mut written: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for found in untyped(source).into_iter().rev() {
        let typed: Option<Vec<_>> = found
            .variables
            .iter()
            .map(|(name, mutable)| type_of(name).map(|type_name| (name, *mutable, type_name)))
            .collect();
        let Some(typed) = typed else { continue };
        if let ([(_, _, type_name)], true) = (typed.as_slice(), found.plain) {
            let range = std::ops::Range::<usize>::from(found.annotation);
            let lines = "\n".repeat(source[range.clone()].matches('\n').count());
            written.push((range, format!(": {type_name} {lines}")));
        } else {
            let declared: String = typed
                .iter()
                .map(|(name, mutable, type_name)| {
                    format!("let {}{name}: {type_name}; ", if *mutable { "mut " } else { "" })
                })
                .collect();
            let tuple: String = typed.iter().map(|(name, ..)| format!("{name}, ")).collect();
            let statement = std::ops::Range::<usize>::from(found.statement);
            written.push((statement.end..statement.end, format!(" ({tuple}) }};")));
            let start = statement.start..statement.start;
            written.push((start, format!("{declared}({tuple}) = {{ ")));
        }
    }
    let mut typed = Typed::plain(source.to_owned());
    for (range, now) in &written {
        typed.text.replace_range(range.clone(), now);
    }
    let mut shift = 0;
    for (range, now) in written.into_iter().rev() {
        let before = source[range.clone()].to_owned();
        let at = range.start + shift;
        shift = shift + now.len() - before.len();
        typed.edits.push((at, before, now));
    }
    typed
}

/// Where a `let` is followed by something that is no name, if one is: line and column of that, and
/// the word. evcxr would leave such a statement out in silence.
pub(crate) fn nameless_let(source: &str) -> Option<(usize, usize, String)> {
    let (tree, _) = parse(source);
    let broken = statements(&tree).find_map(|statement| match statement {
        ast::Stmt::LetStmt(statement) if statement.pat().is_none() => statement.let_token(),
        _ => None,
    })?;
    let mut next = broken.next_token();
    while next.as_ref().is_some_and(|token| token.kind().is_trivia()) {
        next = next.and_then(|token| token.next_token());
    }
    let found = next?;
    let at = usize::from(found.text_range().start()).checked_sub(BEFORE.len())?;
    let before = source.get(..at)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column, found.text().to_owned()))
}

/// The type of the one variable of a cell that consists of `let name = literal;` and nothing else.
///
/// Nothing but the literal can decide it, so the compiler need not be asked.
pub(crate) fn literal_type(source: &str) -> Option<VariableType> {
    let [found] = &untyped(source)[..] else { return None };
    let (tree, _) = parse(source);
    let ([ast::Stmt::LetStmt(statement)], true) =
        (&statements(&tree).collect::<Vec<_>>()[..], found.plain && found.annotation_is_empty())
    else {
        return None;
    };
    let body = statement.syntax().parent()?;
    let alone = body.children().filter(|node| !ast::Attr::can_cast(node.kind())).count() == 1;
    let mut value = statement.initializer()?;
    let mut negative = false;
    if let ast::Expr::PrefixExpr(prefix) = &value {
        negative = prefix.op_kind() == Some(ast::UnaryOp::Neg);
        value = prefix.expr().filter(|_| negative)?;
    }
    let ast::Expr::Literal(literal) = value else { return None };
    let type_name = match literal.kind() {
        ast::LiteralKind::IntNumber(number) => number.suffix().unwrap_or("i32").to_owned(),
        ast::LiteralKind::FloatNumber(number) => number.suffix().unwrap_or("f64").to_owned(),
        ast::LiteralKind::String(_) if !negative => "&'static str".to_owned(),
        ast::LiteralKind::Char(_) if !negative => "char".to_owned(),
        ast::LiteralKind::Bool(_) if !negative => "bool".to_owned(),
        _ => return None,
    };
    alone.then(|| VariableType { name: found.variables[0].0.clone(), type_name })
}

fn untyped(source: &str) -> Vec<Untyped> {
    let (tree, errors) = parse(source);
    if !errors.is_empty() {
        return Vec::new();
    }
    let shift = TextSize::of(BEFORE);
    let lets = statements(&tree).filter_map(|statement| match statement {
        ast::Stmt::LetStmt(statement) => Some(statement),
        _ => None,
    });
    lets.filter_map(|statement| {
        let (pattern, value) = (statement.pat()?, statement.eq_token()?);
        if let Some(written) = statement.ty()
            && !written.syntax().descendants().any(|node| ast::InferType::can_cast(node.kind()))
            && matches!(pattern, ast::Pat::IdentPat(_))
        {
            return None;
        }
        let names = pattern.syntax().descendants().filter_map(ast::IdentPat::cast);
        let variables: Vec<_> = names
            .filter_map(|name| Some((name.name()?.text().to_string(), name.mut_token().is_some())))
            // A constant or a variant in a pattern looks like a variable, but is not spelt like one.
            .filter(|(name, _)| !name.starts_with(char::is_uppercase))
            .collect();
        let plain = matches!(&pattern, ast::Pat::IdentPat(name) if name.pat().is_none());
        let annotation =
            TextRange::new(pattern.syntax().text_range().end(), value.text_range().start());
        (!variables.is_empty()).then(|| Untyped {
            statement: statement.syntax().text_range() - shift,
            annotation: annotation - shift,
            variables,
            plain,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, types: &[(&str, &str)], expected: &str) {
        let types: Vec<_> = types
            .iter()
            .map(|&(name, type_name)| VariableType {
                name: name.into(),
                type_name: type_name.into(),
            })
            .collect();
        let typed = with_types(source, &types);
        assert_eq!(typed.text, expected);
        assert_eq!(typed.original(), source);
    }

    #[test]
    fn plain_variables_get_their_type() {
        check(
            "let v = vec![1];",
            &[("v", "std::vec::Vec<i32>")],
            "let v: std::vec::Vec<i32> = vec![1];",
        );
        check(
            "let mut v: Vec<_> = vec![1];",
            &[("v", "Vec<i32>")],
            "let mut v: Vec<i32> = vec![1];",
        );
        check("let v: u8 = 1;", &[("v", "u8")], "let v: u8 = 1;");
    }

    #[test]
    fn stand_ins_can_be_taken_out_again() {
        let source = "let b\n  = f(); let (a, mut c) = g();\nlet d: u8 = 1; let b = h();";
        let typed = with_stand_ins(source, |number| format!("T_{number}"));
        assert_eq!(typed.stand_ins, ["T_0", "T_1", "T_2"]);
        assert_eq!(
            typed.text,
            "let b: T_1 \n= f(); let a: T_0; let mut c: T_2; (a, c, ) = { \
             let (a, mut c) = g(); (a, c, ) };\nlet d: u8 = 1; let b: T_1 = h();"
        );
        assert_eq!(typed.original(), source);
        assert_eq!(
            typed.compiled(),
            "let b\n  = f(); let a: _; let mut c: _; (a, c, ) = { \
             let (a, mut c) = g(); (a, c, ) };\nlet d: u8 = 1; let b = h();"
        );
    }

    #[test]
    fn a_let_without_a_name_is_found() {
        assert_eq!(nameless_let("let a = 1;\nlet type = 1;"), Some((2, 5, "type".into())));
        assert_eq!(nameless_let("let a = 1; let (b, c) = f();"), None);
    }

    #[test]
    fn a_literal_alone_tells_its_type() {
        let check = |source: &str, expected: Option<&str>| {
            let found = literal_type(source).map(|variable| variable.type_name);
            assert_eq!(found.as_deref(), expected, "{source}");
        };
        check("let a = 5;", Some("i32"));
        check("//| label: five\nlet mut a = -5;", Some("i32"));
        check("let a = 5_u8;", Some("u8"));
        check("let a = 2.5;", Some("f64"));
        check("let a = \"text\";", Some("&'static str"));
        check("let a = 'x';", Some("char"));
        check("let a = true;", Some("bool"));
        // Something else may decide.
        check("let a = 5; takes_u8(a);", None);
        check("let a = 5; a", None);
        check("let a = 5;\nfn f() {}", None);
        check("let a: u8 = 5;", None);
        check("let a: _ = 5;", None);
        check("let a = b\"bytes\";", None);
        check("let a = f();", None);
    }

    #[test]
    fn patterns_are_declared_first() {
        check(
            "let (a, mut b) = f();",
            &[("a", "A"), ("b", "B")],
            "let a: A; let mut b: B; (a, b, ) = { let (a, mut b) = f(); (a, b, ) };",
        );
        check(
            "let Some(x) = o else {\n    return };",
            &[("x", "X")],
            "let x: X; (x, ) = { let Some(x) = o else {\n    return }; (x, ) };",
        );
    }

    #[test]
    fn columns_are_those_of_the_author() {
        let types =
            ["v", "w"].map(|name| VariableType { name: name.into(), type_name: "Vec<i32>".into() });
        let typed = with_types("let v = é; let w = v;\nv.len()", &types);
        assert_eq!(typed.text, "let v: Vec<i32> = é; let w: Vec<i32> = v;\nv.len()");
        let check = |column, expected| assert_eq!(typed.column(1, column), expected, "{column}");
        check(5, 5);
        check(8, 6);
        check(19, 9);
        check(40, 20);
        assert_eq!(typed.column(2, 3), 3);
        assert_eq!(typed.untyped("try: let w: Vec<i32> = v.clone();"), "try: let w = v.clone();");
    }

    #[test]
    fn what_has_no_name_stays_as_it_is() {
        check("let f = |x: i32| x;", &[("f", "{closure@src/lib.rs:1:1}")], "let f = |x: i32| x;");
        check("let x = (", &[("x", "i32")], "let x = (");
        assert!(new_variables("{ let inner = 1; }").is_empty());
    }
}
