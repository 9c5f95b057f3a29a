//! The outputs of a run, as they go into the file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::output::{Execution, MimeBundle, Output, StreamName};

/// Collects outputs, cell by cell.
///
/// The file must be the same after each run, and standard output and standard error are two pipes
/// that race each other. So the text of standard error goes into one output behind what the cell
/// showed otherwise; all else keeps its order.
#[derive(Debug, Default)]
pub(super) struct Collector {
    cells: Vec<Cell>,
    /// Where displays that have an id are: index into `cells`, index of the output.
    displays: BTreeMap<String, Vec<(usize, usize)>>,
}

#[derive(Debug, Default)]
struct Cell {
    index: usize,
    count: u32,
    shown: Vec<Value>,
    stderr: String,
    clear_next: bool,
}

impl Collector {
    pub(super) fn begin(&mut self, index: usize) {
        self.cells.push(Cell { index, ..Cell::default() });
    }

    pub(super) fn add(&mut self, output: Output) {
        match output {
            Output::Display { bundle, id: Some(id), update: true } => self.update(&id, bundle),
            Output::Clear { wait: true } => self.last().clear_next = true,
            Output::Clear { wait: false } => self.clear(),
            output => {
                if std::mem::take(&mut self.last().clear_next) {
                    self.clear();
                }
                self.append(output);
            }
        }
    }

    /// What the cell has written to standard error so far.
    pub(super) fn standard_error(&mut self) -> &str {
        &self.last().stderr
    }

    pub(super) fn end(&mut self, execution: Execution, count: u32) {
        let cell = self.last();
        cell.count = count;
        if !cell.stderr.is_empty() {
            let text = std::mem::take(&mut cell.stderr);
            cell.shown.push(json!({"output_type": "stream", "name": "stderr", "text": text}));
        }
        if let Some(MimeBundle { data, metadata }) = execution.result {
            cell.shown.push(json!({
                "output_type": "execute_result", "execution_count": count, "data": data, "metadata": metadata,
            }));
        }
        if let Some(error) = execution.error {
            cell.shown.push(json!({
                "output_type": "error", "ename": error.name, "evalue": error.value, "traceback": error.traceback,
            }));
        }
    }

    /// Index, execution count and outputs of each cell.
    pub(super) fn outputs(self) -> impl Iterator<Item = (usize, u32, Vec<Value>)> {
        self.cells.into_iter().map(|cell| (cell.index, cell.count, cell.shown))
    }

    fn last(&mut self) -> &mut Cell {
        if self.cells.is_empty() {
            self.begin(0);
        }
        let last = self.cells.len() - 1;
        &mut self.cells[last]
    }

    fn append(&mut self, output: Output) {
        let place = self.cells.len().saturating_sub(1);
        let cell = self.last();
        match output {
            Output::Stream { name: StreamName::Stderr, text } => cell.stderr.push_str(&text),
            Output::Stream { name: StreamName::Stdout, text } => {
                if let Some(Value::String(before)) = cell
                    .shown
                    .last_mut()
                    .filter(|output| output["output_type"] == "stream")
                    .and_then(|output| output.get_mut("text"))
                {
                    before.push_str(&text);
                } else {
                    cell.shown
                        .push(json!({"output_type": "stream", "name": "stdout", "text": text}));
                }
            }
            Output::Display { bundle, id, .. } => {
                let position = cell.shown.len();
                cell.shown.push(display(bundle));
                if let Some(id) = id {
                    self.displays.entry(id).or_default().push((place, position));
                }
            }
            // Comms live with a client: in a file, none of them has an end.
            Output::Clear { .. } | Output::Comm(_) => {}
        }
    }

    fn update(&mut self, id: &str, bundle: MimeBundle) {
        for (cell, output) in self.displays.get(id).into_iter().flatten() {
            if let Some(place) =
                self.cells.get_mut(*cell).and_then(|cell| cell.shown.get_mut(*output))
            {
                *place = display(bundle.clone());
            }
        }
    }

    fn clear(&mut self) {
        let place = self.cells.len().saturating_sub(1);
        let cell = self.last();
        cell.shown.clear();
        cell.stderr.clear();
        for places in self.displays.values_mut() {
            places.retain(|(cell, _)| *cell != place);
        }
    }
}

fn display(MimeBundle { data, metadata }: MimeBundle) -> Value {
    json!({"output_type": "display_data", "data": data, "metadata": metadata})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: StreamName, text: &str) -> Output {
        Output::Stream { name, text: text.into() }
    }

    fn shown(text: &str, id: Option<&str>, update: bool) -> Output {
        Output::Display { bundle: MimeBundle::text(text), id: id.map(str::to_owned), update }
    }

    fn check(outputs: Vec<Output>, expected: &Value) {
        let mut collector = Collector::default();
        collector.begin(0);
        outputs.into_iter().for_each(|output| collector.add(output));
        collector.end(Execution::default(), 1);
        let (_, _, found) = collector.outputs().next().unwrap();
        assert_eq!(&Value::Array(found), expected);
    }

    #[test]
    fn streams_are_joined_and_standard_error_comes_last() {
        use StreamName::{Stderr, Stdout};
        check(
            vec![text(Stdout, "a"), text(Stderr, "x"), text(Stdout, "b\n"), text(Stderr, "y")],
            &json!([
                {"output_type": "stream", "name": "stdout", "text": "ab\n"},
                {"output_type": "stream", "name": "stderr", "text": "xy"},
            ]),
        );
    }

    #[test]
    fn displays_are_updated_in_place_and_cleared() {
        check(
            vec![
                shown("1", Some("bar"), false),
                text(StreamName::Stdout, "s"),
                shown("2", Some("bar"), true),
            ],
            &json!([
                {"output_type": "display_data", "data": {"text/plain": "2"}, "metadata": {}},
                {"output_type": "stream", "name": "stdout", "text": "s"},
            ]),
        );
        check(
            vec![shown("1", None, false), Output::Clear { wait: true }, shown("2", None, false)],
            &json!([{"output_type": "display_data", "data": {"text/plain": "2"}, "metadata": {}}]),
        );
    }
}
