//! Whether a notebook's outputs would come out the same here, and what to install where they may
//! not.

use std::path::Path;

use serde_json::Value;

use super::{Check, Health};
use crate::notebook::Notebook;
use crate::provenance::{Environment, changed_cells, changed_data, recorded_environment};
use crate::toolchain::release;

/// Compares what a notebook's record says with what would run it here: code, data, kernel,
/// compiler, helpers, seed.
pub fn notebook_checks(notebook: &Notebook, here: &Environment) -> Vec<Check> {
    let run = format!("momentum run {}", notebook.path().display());
    let Some((recorded, ok)) = recorded_environment(notebook) else {
        let found = "there is no record: this kernel has never run the notebook";
        return vec![Check::with("record", Health::Note, found, run)];
    };
    let mut checks = Vec::new();
    if !ok {
        let found = "its last run ended at a cell that failed";
        checks.push(Check::with("run", Health::Note, found, run.clone()));
    }
    checks.push(cells(notebook, &run));
    checks.extend(data(notebook, &run));
    let seed_of = |environment: &Environment| environment.seed.to_string();
    let with_seed = format!("{run} --seed {}", recorded.seed);
    let kernel = format!("check out the Momentum that has {}", recorded.kernel);
    let advice = [toolchain(&recorded.compiler), helpers(&recorded.helpers)];
    checks.push(compare("kernel", &recorded.kernel, &here.kernel, &kernel));
    checks.push(compare("compiler", &recorded.compiler, &here.compiler, &advice[0]));
    checks.push(compare("helpers", &recorded.helpers, &here.helpers, &advice[1]));
    checks.push(compare("seed", &seed_of(&recorded), &seed_of(here), &with_seed));
    checks
}

fn compare(name: &'static str, recorded: &str, here: &str, advice: &str) -> Check {
    if recorded == here {
        return Check::good(name, recorded);
    }
    let found = format!("{recorded} made the outputs, and here is {here}");
    Check::with(name, Health::Note, found, advice)
}

/// The command that installs a compiler, by what it says of itself.
fn toolchain(version: &str) -> String {
    let release = release(version);
    if release.contains('-') {
        return format!(
            "install the toolchain of that day by rustup, and build Momentum with it: {version}"
        );
    }
    format!(
        "rustup toolchain install {release}, and build Momentum with it: cargo +{release} build --release"
    )
}

fn helpers(version: &str) -> String {
    format!(
        "check out the commit of Momentum whose helpers are {version}: that of the notebook, as a rule"
    )
}

fn cells(notebook: &Notebook, run: &str) -> Check {
    let changed = changed_cells(notebook);
    let Some(first) = changed.first() else {
        return Check::good("cells", "as they were when they ran");
    };
    let found = match changed.len() {
        1 => format!("cell `{first}` has changed since it ran"),
        n => format!("cell `{first}` has changed since it ran, so {n} cells may differ"),
    };
    Check::with("cells", Health::Note, found, run)
}

fn data(notebook: &Notebook, run: &str) -> Vec<Check> {
    let folder = notebook.path().parent().unwrap_or(Path::new(""));
    let check = |(file, recorded, now): (String, Value, Value)| {
        let place = folder.join(&file);
        let short =
            |hash: &Value| hash.as_str().map_or("no file", |h| &h[..h.len().min(12)]).to_owned();
        let found = match now.as_str() {
            None => {
                format!("there is no `{}`; its SHA-256 was {}", place.display(), short(&recorded))
            }
            Some(_) => format!(
                "`{}` has changed: its SHA-256 was {}, and is {}",
                place.display(),
                short(&recorded),
                short(&now)
            ),
        };
        let advice = format!("take back the file as it was, or run the notebook again: {run}");
        Check::with("data", Health::Note, found, advice)
    };
    changed_data(notebook).into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provenance::{cell_record, chain, record};

    fn environment(compiler: &str) -> Environment {
        Environment {
            kernel: "momentum-kernel 0.1.0".into(),
            compiler: compiler.into(),
            helpers: "0.1.0+aaaa".into(),
            seed: 0,
        }
    }

    /// A notebook that was run, in a folder with its data.
    fn ran(folder: &Path) -> Notebook {
        std::fs::write(folder.join("a.csv"), "1\n").unwrap();
        let sources = ["//| data: a.csv\nlet x = 1;", "//| label: sum\nx + 1"];
        let records: Vec<_> = chain(sources)
            .iter()
            .zip(sources)
            .map(|(chain, source)| cell_record(chain, source, folder))
            .collect();
        let cells: Vec<_> = sources
            .iter()
            .zip(records)
            .map(|(source, record)| {
                json!({"cell_type": "code", "metadata": {"momentum": record}, "source": source,
                       "outputs": [], "execution_count": 1})
            })
            .collect();
        let momentum = record(&environment("rustc 1.95.0 (59807616e 2026-04-14)"), true);
        let json = json!({"nbformat": 4, "nbformat_minor": 5, "cells": cells,
                          "metadata": {"momentum": momentum}});
        Notebook::parse(&folder.join("x.ipynb"), json.to_string().as_bytes()).unwrap()
    }

    fn said(notebook: &Notebook, here: &Environment, folder: &Path) -> String {
        let lines = notebook_checks(notebook, here).into_iter().map(|check| {
            let advice = check.advice.map_or(String::new(), |advice| format!("\n  -> {advice}"));
            format!("{}: {}{advice}", check.name, check.found)
        });
        lines.collect::<Vec<_>>().join("\n").replace(&format!("{}/", folder.display()), "")
    }

    #[test]
    fn the_same_is_said_to_be_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let notebook = ran(folder.path());
        let here = environment("rustc 1.95.0 (59807616e 2026-04-14)");
        assert!(notebook_checks(&notebook, &here).iter().all(|c| c.health == Health::Good));
    }

    #[test]
    fn each_difference_says_what_to_install_or_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = ran(folder.path());
        notebook.set_source(1, "//| label: sum\nx + 2");
        std::fs::write(folder.path().join("a.csv"), "2\n").unwrap();
        let here = Environment {
            helpers: "0.1.0+bbbb".into(),
            seed: 7,
            ..environment("rustc 1.96.1 (0 2026-07-01)")
        };
        insta::assert_snapshot!(said(&notebook, &here, folder.path()), @"
        cells: cell `sum` has changed since it ran
          -> momentum run x.ipynb
        data: `a.csv` has changed: its SHA-256 was 4355a46b19d3, and is 53c234e5e847
          -> take back the file as it was, or run the notebook again: momentum run x.ipynb
        kernel: momentum-kernel 0.1.0
        compiler: rustc 1.95.0 (59807616e 2026-04-14) made the outputs, and here is rustc 1.96.1 (0 2026-07-01)
          -> rustup toolchain install 1.95.0, and build Momentum with it: cargo +1.95.0 build --release
        helpers: 0.1.0+aaaa made the outputs, and here is 0.1.0+bbbb
          -> check out the commit of Momentum whose helpers are 0.1.0+aaaa: that of the notebook, as a rule
        seed: 0 made the outputs, and here is 7
          -> momentum run x.ipynb --seed 0
        ");
    }

    #[test]
    fn a_notebook_of_another_kernel_has_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = ran(folder.path());
        notebook.remove_metadata("momentum");
        let here = environment("rustc 1.95.0 (59807616e 2026-04-14)");
        insta::assert_snapshot!(said(&notebook, &here, folder.path()), @"
        record: there is no record: this kernel has never run the notebook
          -> momentum run x.ipynb
        ");
    }
}
