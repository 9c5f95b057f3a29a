//! The representations of what memory and vision give.

use std::any::Any;
use std::fmt::Display;

use momentum_memory::prelude::{
    Agent, AgentError, BlockHistory, ClientError, Context, CoreMemory, MemoryDiff, Trace,
};
use momentum_vision::prelude::{ConfusionMatrix, History, Picture, RateSearch, Summary, Table};

use crate::bundle::{Bundle, Show, escape};

impl Show for Trace {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(self.to_html())
    }
}

impl Show for MemoryDiff {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(self.to_html())
    }
}

impl Show for Context {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(self.to_html())
    }
}

impl Show for BlockHistory {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(self.to_html())
    }
}

impl Show for CoreMemory {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string())
    }
}

impl Show for Agent {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string())
    }
}

/// What a call gave, or why it gave nothing: `agent.say("...")` shows the trace without a `?`.
impl<T: Show, E: Display> Show for Result<T, E> {
    fn bundle(&self) -> Bundle {
        match self {
            Ok(value) => value.bundle(),
            Err(error) => {
                let text = format!("Error: {error}");
                let html = format!(
                    "<p role=\"alert\"><strong>Error:</strong> {}</p>",
                    escape(&error.to_string())
                );
                Bundle::text(text).html(html)
            }
        }
    }
}

impl Show for Picture {
    fn bundle(&self) -> Bundle {
        let text = format!("{}\n\n{}", self.alt, self.data);
        Bundle::text(text).svg(self.svg.as_str()).alt(self.alt.as_str())
    }
}

impl Show for Table {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(table_html(self))
    }
}

impl Show for Summary {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(table_html(&self.table()))
    }
}

impl Show for History {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string()).html(table_html(&self.table()))
    }
}

impl Show for RateSearch {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

impl Show for ConfusionMatrix {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}

/// A table that a screen reader can read: caption, column headers with their scope.
fn table_html(table: &Table) -> String {
    let align = |column| if table.is_numeric(column) { " style=\"text-align:right\"" } else { "" };
    let row = |cells: &[String], tag: &str, scope: &str| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            format!("<{tag}{scope}{}>{}</{tag}>", align(column), escape(cell))
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let head = row(&table.headers, "th", " scope=\"col\"");
    let body: String = table.rows.iter().map(|cells| row(cells, "td", "")).collect();
    let caption = if table.caption.is_empty() {
        String::new()
    } else {
        format!("<caption>{}</caption>", escape(&table.caption))
    };
    format!("<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>")
}

/// The bundle of a value whose type is one of those that have one.
pub(crate) fn rich(value: &dyn Any) -> Option<Bundle> {
    type Attempt = fn(&dyn Any) -> Option<Bundle>;
    fn of<T: Show + 'static>(value: &dyn Any) -> Option<Bundle> {
        value.downcast_ref::<T>().map(Show::bundle)
    }
    const TYPES: [Attempt; 17] = [
        of::<Bundle>,
        of::<serde_json::Value>,
        of::<Trace>,
        of::<MemoryDiff>,
        of::<Result<Trace, AgentError>>,
        of::<Result<Trace, ClientError>>,
        of::<Context>,
        of::<Result<Context, AgentError>>,
        of::<BlockHistory>,
        of::<Result<BlockHistory, AgentError>>,
        of::<CoreMemory>,
        of::<Picture>,
        of::<Table>,
        of::<Summary>,
        of::<History>,
        of::<RateSearch>,
        of::<ConfusionMatrix>,
    ];
    TYPES.iter().find_map(|attempt| attempt(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_types_are_found_behind_any() {
        let bundle = Bundle::text("t").html("<b>t</b>");
        assert_eq!(rich(&bundle), Some(bundle.clone()));
        assert_eq!(rich(&7_i32), None);
    }

    #[test]
    fn what_an_agent_did_is_shown_with_and_without_a_question_mark() {
        let agent = || Agent::new(momentum_memory::tutor::RuleBasedTutor);
        let (said, trace) = (agent().say("I live in <b>."), agent().say("I live in <b>.").unwrap());
        let bundle = rich(&trace).unwrap();
        assert_eq!(rich(&said), Some(bundle.clone()));
        let html = bundle.data["text/html"].as_str().unwrap();
        assert!(html.contains("core_memory_append") && html.contains("<ins"), "{html}");
        assert!(!html.contains("<b>"), "{html}");
        let failed: Result<Trace, AgentError> = agent().with_window(9).say("Hello.");
        let text = rich(&failed).unwrap().data["text/plain"].as_str().unwrap().to_owned();
        assert!(text.starts_with("Error: the prompt would hold"), "{text}");
        assert!(rich(&agent().context()).unwrap().mime_types().contains(&"text/html"));
        assert!(rich(&agent().block_history("human")).unwrap().mime_types().contains(&"text/html"));
    }

    #[test]
    fn a_table_is_markup_for_readers_and_its_cells_are_text() {
        let table = Table::new("Two < three", ["name", "n"]).row(["<b>", "12"]);
        let bundle = table.bundle();
        assert_eq!(bundle.mime_types(), ["text/plain", "text/html"]);
        assert_eq!(
            bundle.data["text/html"],
            "<table><caption>Two &lt; three</caption><thead><tr><th scope=\"col\">name</th>\
             <th scope=\"col\" style=\"text-align:right\">n</th></tr></thead><tbody><tr>\
             <td>&lt;b&gt;</td><td style=\"text-align:right\">12</td></tr></tbody></table>"
        );
    }
}
