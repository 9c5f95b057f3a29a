//! What can be read off a cell's text: its options, its variables, whether it is complete.

mod definitions;
mod variables;

use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode, ast, ast::HasName};

use crate::output::Completeness;

pub(crate) use definitions::Definitions;
pub(crate) use variables::{
    Typed, literal_type, nameless_let, new_variables, with_stand_ins, with_types,
};

/// The value of an option line on top of a cell, such as `//| label: curves`.
///
/// ```
/// use momentum_kernel::cell::option;
/// assert_eq!(option("//| label: curves\nlet x = 1;", "label"), Some("curves"));
/// assert_eq!(option("let x = 1;\n//| label: late", "label"), None);
/// ```
pub fn option<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    options(source, name).next()
}

/// The values of all option lines of that name on top of a cell.
pub(crate) fn options<'a>(source: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    source
        .lines()
        .map_while(|line| line.trim_start().strip_prefix("//|"))
        .filter_map(|option| option.split_once(':'))
        .filter_map(move |(key, value)| (key.trim() == name).then_some(value.trim()))
}

/// What the option lines on top of a cell are called.
const OPTIONS: [&str; 5] = ["label", "data", "exercise", "check", "hint"];

/// An option that is one slip away from one that there is: its line, its name, and what was meant.
/// Other names are left alone: they may be those of another tool, such as Quarto.
pub(crate) fn misspelled_option(source: &str) -> Option<(usize, &str, &'static str)> {
    let lines = source.lines().map_while(|line| line.trim_start().strip_prefix("//|"));
    let names = lines.enumerate().filter_map(|(n, option)| Some((n, option.split_once(':')?.0)));
    names.map(|(n, name)| (n + 1, name.trim())).find_map(|(line, name)| {
        let meant = OPTIONS.into_iter().find(|known| strsim::osa_distance(known, name) == 1)?;
        Some((line, name, meant))
    })
}

/// The cell's commands for the engine (`:dep rand`) and, apart from them, its code.
///
/// In each part the lines of the other are empty, so that line numbers stay what they are.
pub(crate) fn split_commands(source: &str) -> (String, String) {
    let (mut commands, mut code) = (Vec::new(), Vec::new());
    for line in source.split('\n') {
        // Commands stand on top of a cell: later on, such a line may be part of a text.
        let on_top = code
            .iter()
            .all(|line: &&str| line.trim().is_empty() || line.trim_start().starts_with("//"));
        let command = on_top && line.starts_with(':');
        commands.push(if command { line } else { "" });
        code.push(if command { "" } else { line });
    }
    (commands.join("\n").trim_end().to_owned(), code.join("\n"))
}

/// Begins the function in which a cell is parsed.
const BEFORE: &str = "async fn cell() {\n";

/// The syntax tree of the function whose body is the cell, and whether it has errors.
fn parse(source: &str) -> (SyntaxNode, Vec<ra_ap_syntax::SyntaxError>) {
    let parsed = SourceFile::parse(&format!("{BEFORE}{source}\n}}"), Edition::Edition2024);
    (parsed.syntax_node(), parsed.errors())
}

/// Whether the cell hands an error on by `?`.
pub(crate) fn has_question_mark(source: &str) -> bool {
    source.contains('?')
        && parse(source).0.descendants().any(|node| node.kind() == SyntaxKind::TRY_EXPR)
}

/// Whether the cell can be run as typed so far.
pub(crate) fn completeness(source: &str) -> Completeness {
    let (mut depth, mut open_text) = (0_i64, false);
    for token in
        SourceFile::parse(source, Edition::Edition2024).syntax_node().descendants_with_tokens()
    {
        let Some(token) = token.into_token() else { continue };
        match token.kind() {
            SyntaxKind::L_CURLY | SyntaxKind::L_PAREN | SyntaxKind::L_BRACK => depth += 1,
            SyntaxKind::R_CURLY | SyntaxKind::R_PAREN | SyntaxKind::R_BRACK => depth -= 1,
            SyntaxKind::COMMENT => {
                open_text |= token.text().starts_with("/*") && !token.text().ends_with("*/");
            }
            _ => {}
        }
    }
    let (_, errors) = parse(source);
    open_text |= errors.iter().any(|error| error.to_string().contains("Missing trailing"));
    let last = source.trim_end();
    if depth > 0
        || open_text
        || (!errors.is_empty() && last.ends_with([',', '.', '=', '+', '|', '&']))
    {
        let depth = usize::try_from(depth.max(0)).unwrap_or_default();
        Completeness::Incomplete { indent: "    ".repeat(depth) }
    } else if errors.is_empty() || source.trim_start().starts_with([':', '?']) {
        Completeness::Complete
    } else {
        Completeness::Invalid
    }
}

/// The name that covers a byte of the code, or ends there.
pub(crate) fn name_at(source: &str, cursor: usize) -> Option<&str> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let cursor = (0..=cursor.min(source.len())).rev().find(|&at| source.is_char_boundary(at))?;
    let (before, after) = source.split_at(cursor);
    let start = before.trim_end_matches(part).len();
    let end = cursor + after.len() - after.trim_start_matches(part).len();
    (start < end).then(|| &source[start..end])
}

/// Whether a name stands in the code, outside of texts and comments.
pub(crate) fn mentions(source: &str, name: &str) -> bool {
    let (tree, _) = parse(source);
    tree.descendants_with_tokens().filter_map(|part| part.into_token()).any(|token| {
        (token.kind() == SyntaxKind::IDENT && token.text() == name)
            // Macros' arguments are not parsed: a text there may name it as `{name}`.
            || (token.kind() == SyntaxKind::STRING && token.text().contains(&format!("{{{name}")))
    })
}

/// The line of a cell that defines a name, with the documentation above it.
pub(crate) fn definition(source: &str, name: &str) -> Option<String> {
    const WORDS: [&str; 8] = ["let", "fn", "struct", "enum", "trait", "const", "static", "type"];
    let lines: Vec<&str> = source.lines().collect();
    let at = lines.iter().position(|line| {
        let words: Vec<&str> = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| *word != "mut")
            .collect();
        words.windows(2).any(|pair| WORDS.contains(&pair[0]) && pair[1] == name)
    })?;
    let documented =
        lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with("///"));
    let from = at - documented.count();
    Some(lines[from..=at].join("\n").trim_end_matches(['{', ' ']).to_owned())
}

/// The name whose documentation is asked for at a place, and where it begins: the one under the
/// cursor, else the one that is called with the parenthesis around it.
pub(crate) fn name_to_inspect(source: &str, cursor: usize) -> Option<(&str, usize)> {
    let place = |name: &str| name.as_ptr() as usize - source.as_ptr() as usize;
    if let Some(name) = name_at(source, cursor) {
        return Some((name, place(name)));
    }
    let mut depth = 0_i32;
    for (at, character) in source[..cursor].char_indices().rev() {
        match character {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => {
                // A macro's name is followed by `!`.
                let before = source[..at].trim_end().trim_end_matches('!');
                let name = name_at(before, before.len())?;
                return Some((name, place(name)));
            }
            _ => {}
        }
    }
    None
}

/// Something that a cell defines for those after it: a function, a type, a `use` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
    /// What it is, in Jupyter's words.
    pub(crate) kind: &'static str,
    /// Its text, with attributes and documentation.
    pub(crate) text: String,
    /// For an `impl`: what stands before its brace, and the names inside.
    implements: Option<(String, Vec<String>)>,
}

impl Item {
    /// Whether a later item takes this one's place.
    pub(crate) fn is_replaced_by(&self, later: &Item) -> bool {
        let same_impl = match (&self.implements, &later.implements) {
            (Some((head, names)), Some((later_head, later_names))) => {
                head == later_head
                    && (names.is_empty() || names.iter().any(|name| later_names.contains(name)))
            }
            _ => false,
        };
        let same_name = self.name.is_some() && self.name == later.name;
        (same_name && self.kind == later.kind) || same_impl || self.text == later.text
    }
}

/// The items of a cell, in their order; empty for a cell that is not parsed without error.
pub(crate) fn items(source: &str) -> Vec<Item> {
    let (tree, errors) = parse(source);
    if !errors.is_empty() {
        return Vec::new();
    }
    let name = |node: &SyntaxNode| {
        node.children().find_map(ast::Name::cast).map(|name| name.text().to_string())
    };
    let items = statements(&tree).filter_map(|statement| match statement {
        ast::Stmt::Item(item) => Some(item.syntax().clone()),
        _ => None,
    });
    items
        .map(|node| Item {
            name: name(&node),
            kind: match node.kind() {
                SyntaxKind::FN | SyntaxKind::MACRO_RULES => "function",
                SyntaxKind::MODULE => "module",
                SyntaxKind::CONST | SyntaxKind::STATIC => "instance",
                _ => "class",
            },
            text: node.text().to_string(),
            implements: ast::Impl::cast(node.clone()).map(|_| {
                let text = node.text().to_string();
                let head = text.split('{').next().unwrap_or_default().trim().to_owned();
                let list = node.children().find_map(ast::AssocItemList::cast);
                let inside = list.iter().flat_map(|list| list.syntax().children());
                (head, inside.filter_map(|node| name(&node)).collect())
            }),
        })
        .collect()
}

/// The statements of the parsed cell, outermost only.
fn statements(tree: &SyntaxNode) -> impl Iterator<Item = ast::Stmt> {
    tree.descendants()
        .find_map(ast::Fn::cast)
        .filter(|function| function.name().is_some_and(|name| name.text() == "cell"))
        .and_then(|function| function.body())
        .into_iter()
        .flat_map(|body| body.statements().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_marks_are_told_from_texts() {
        assert!(has_question_mark("let data = load()?;\ndata.first(4)?"));
        assert!(!has_question_mark("let text = \"why?\"; // or how?"));
    }

    #[test]
    fn commands_are_taken_from_the_top_only() {
        let (commands, code) =
            split_commands("//| label: a\n:dep rand = \"0.9\"\nlet t = \"\n:dep no\";");
        assert_eq!(commands.trim(), ":dep rand = \"0.9\"");
        assert_eq!(code, "//| label: a\n\nlet t = \"\n:dep no\";");
    }

    #[test]
    fn the_name_under_the_cursor_or_the_one_that_is_called() {
        let check = |source: &str, expected| {
            let cursor = source.find('|').unwrap();
            let source = source.replace('|', "");
            assert_eq!(name_to_inspect(&source, cursor), expected, "{source}");
        };
        check("a.len|gth()", Some(("length", 2)));
        check("show(a, |", Some(("show", 0)));
        check("f(g(1), |", Some(("f", 0)));
        check("println!(|)", Some(("println", 0)));
        check("1 + | 2", None);
    }

    #[test]
    fn completeness_of_what_is_typed() {
        let check = |source: &str, expected| assert_eq!(completeness(source), expected, "{source}");
        check("1 + 1", Completeness::Complete);
        check("let x = 1;", Completeness::Complete);
        check(":vars", Completeness::Complete);
        check("?show", Completeness::Complete);
        check("fn f() {", Completeness::Incomplete { indent: "    ".into() });
        check("let v = vec![\n    (1,", Completeness::Incomplete { indent: "        ".into() });
        check("let s = \"abc", Completeness::Incomplete { indent: String::new() });
        check("let x = 1 )", Completeness::Invalid);
    }
}
