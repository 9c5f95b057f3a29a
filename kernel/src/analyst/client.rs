//! The kernel's side of the analyst: starts it when first asked, and knows what to say meanwhile.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::question::{Answer, Matter, Question};
use super::scene::Scene;
use super::{AnalystConfig, CONFIG, ROLE};
use crate::cell;
use crate::output::{Assistant, Completion, Completions, MimeBundle};

/// After this time a completion is answered from the session's own names, where some match:
/// JupyterLab drops an answer that takes longer than a second.
const SHORT: Duration = Duration::from_millis(800);
/// After this time the analyst is taken to be stuck.
const LONG: Duration = Duration::from_secs(60);

/// evcxr's commands, and what each does.
const COMMANDS: [(&str, &str); 16] = [
    (":build_env", "set an environment variable for builds"),
    (":cache", "size of the compilation cache in MiB"),
    (":clear", "forget all variables, items and crates"),
    (":dep", "add a crate: :dep rand = \"0.9\""),
    (":efmt", "how an error that ends a cell is shown"),
    (":fmt", "how a value is shown"),
    (":help", "list the commands"),
    (":last_compile_dir", "where the last cell was compiled"),
    (":linker", "choose the linker"),
    (":offline", "whether to stay off the network"),
    (":opt", "optimisation level of the cells"),
    (":preserve_vars_on_panic", "whether variables survive a panic"),
    (":timing", "whether to tell how long cells take"),
    (":toolchain", "choose the toolchain"),
    (":vars", "list the variables and their types"),
    (":version", "evcxr's version"),
];

/// Answers questions about one session's code.
pub(crate) struct Analyst {
    config: AnalystConfig,
    scene: Arc<Mutex<Scene>>,
    process: Option<Process>,
    number: u64,
}

/// The running analyst.
struct Process {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<Answer>,
}

impl Process {
    fn start(config: &AnalystConfig) -> Option<Process> {
        let mut child = Command::new(std::env::current_exe().ok()?)
            .env(ROLE, "analyst")
            .env(CONFIG, serde_json::to_string(config).ok()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str(&line) else { continue };
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        Some(Process { child, stdin, answers })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Analyst {
    pub(crate) fn new(config: AnalystConfig, scene: Arc<Mutex<Scene>>) -> Analyst {
        Analyst { config, scene, process: None, number: 0 }
    }

    /// Asks; waits for at most `patience`. Gives the answer, and where the code begins in it.
    fn ask(
        &mut self,
        matter: Matter,
        code: &str,
        cursor: usize,
        patience: Duration,
    ) -> Option<(Answer, usize)> {
        let (text, start) = {
            let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
            scene.file(self.config.helpers.as_deref(), code)
        };
        self.number += 1;
        let question = Question { number: self.number, matter, text, offset: start + cursor };
        let line = serde_json::to_string(&question).ok()? + "\n";
        let deadline = Instant::now() + patience;
        // One that has died is started again, once a question.
        for _ in 0..2 {
            if self.process.is_none() {
                self.process = Process::start(&self.config);
            }
            let process = self.process.as_mut()?;
            if process.stdin.write_all(line.as_bytes()).is_err() {
                self.process = None;
                continue;
            }
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                match process.answers.recv_timeout(left) {
                    Ok(answer) if answer.number == self.number => return Some((answer, start)),
                    // To an earlier question, for which no one waits any more.
                    Ok(_) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return None,
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                }
            }
            self.process = None;
        }
        None
    }

    /// The session's names that begin like what is typed; none behind a dot or a path.
    fn known(&self, code: &str, cursor: usize) -> Completions {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let start = code[..cursor].trim_end_matches(is_part).len();
        let end = code.len() - code[cursor..].trim_start_matches(is_part).len();
        let typed = &code[start..cursor];
        let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        let member = code[..start].ends_with(['.', ':']);
        let matches = scene
            .names()
            .filter(|name| !member && !typed.is_empty() && name.name.starts_with(typed))
            .map(|name| Completion {
                text: name.name.to_owned(),
                kind: name.kind.to_owned(),
                signature: name.signature.to_owned(),
            })
            .collect();
        Completions { start, end, matches }
    }
}

/// The commands that begin like what is typed, where the cursor is in one.
fn commands(code: &str, cursor: usize) -> Option<Completions> {
    let start = code[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let typed = &code[start..cursor];
    if !typed.starts_with(':') || typed.contains(char::is_whitespace) {
        return None;
    }
    let matches = COMMANDS
        .iter()
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, meaning)| Completion {
            text: (*name).to_owned(),
            kind: "magic".to_owned(),
            signature: (*meaning).to_owned(),
        })
        .collect();
    Some(Completions { start, end: cursor, matches })
}

/// Markdown without the marks that only a renderer needs: a terminal shows it as it is.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let (mut code, mut blank) = (false, true);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
            continue;
        }
        let line = if !code && line == "---" { "" } else { line };
        if !(blank && line.is_empty()) {
            text.push_str(line);
            text.push('\n');
        }
        blank = line.is_empty();
    }
    text.truncate(text.trim_end().len());
    text
}

/// A place in the code at which a character begins.
fn boundary(code: &str, cursor: usize) -> usize {
    (0..=cursor.min(code.len())).rev().find(|&at| code.is_char_boundary(at)).unwrap_or_default()
}

impl Assistant for Analyst {
    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let cursor = boundary(code, cursor);
        if let Some(found) = commands(code, cursor) {
            return found;
        }
        let known = self.known(code, cursor);
        let patience = if known.matches.is_empty() { LONG } else { SHORT };
        match self.ask(Matter::Complete, code, cursor, patience) {
            Some((answer, start)) if !answer.matches.is_empty() => Completions {
                start: answer.start.saturating_sub(start),
                end: answer.end.saturating_sub(start).min(code.len()),
                matches: answer
                    .matches
                    .into_iter()
                    .map(|found| Completion {
                        text: found.text,
                        kind: found.kind,
                        signature: found.signature,
                    })
                    .collect(),
            },
            _ => known,
        }
    }

    fn inspect(&mut self, code: &str, cursor: usize) -> Option<MimeBundle> {
        let (name, place) = cell::name_to_inspect(code, boundary(code, cursor))?;
        let command = COMMANDS.iter().find(|(command, _)| command.strip_prefix(':') == Some(name));
        if let Some((command, meaning)) = command.filter(|_| code[..place].ends_with(':')) {
            return Some(MimeBundle::text(format!("{command}: {meaning}")));
        }
        let origin = {
            let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
            scene.origin(name).map(|number| format!("\n\ndefined in cell [{number}]"))
        };
        let (answer, _) = self.ask(Matter::Inspect, code, place, LONG)?;
        let markdown = answer.documentation? + &origin.unwrap_or_default();
        let mut bundle = MimeBundle::text(plain(&markdown));
        bundle.data.insert("text/markdown".into(), Value::String(markdown));
        Some(bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_completed_on_their_line_only() {
        let check = |code: &str, expected: &[&str]| {
            let found = commands(code, code.len()).map(|found| found.matches).unwrap_or_default();
            let found: Vec<_> = found.iter().map(|found| found.text.as_str()).collect();
            assert_eq!(found, expected, "{code}");
        };
        check(":v", &[":vars", ":version"]);
        check("let x = 1;\n:de", &[":dep"]);
        check(":dep ra", &[]);
        check("a::v", &[]);
    }

    #[test]
    fn documentation_in_a_terminal() {
        let markdown =
            "```rust\nfn f()\n```\n\n---\n\nDoes `it`.\n\n# Examples\n\n```\nf();\n\nf();\n```";
        assert_eq!(plain(markdown), "fn f()\n\nDoes `it`.\n\n# Examples\n\nf();\n\nf();");
    }

    #[test]
    fn the_sessions_names_need_no_analysis() {
        let scene = Arc::new(Mutex::new(Scene::default()));
        let variables = [("wide".to_owned(), "u8".to_owned())].into();
        scene.lock().unwrap().learn(1, "fn width() {}", variables);
        let analyst = Analyst::new(AnalystConfig::default(), scene);
        let found = analyst.known("é + wix + 1", 7);
        let names: Vec<_> = found.matches.iter().map(|found| found.text.as_str()).collect();
        assert_eq!((found.start, found.end, names), (5, 8, vec!["wide", "width"]));
        assert!(analyst.known("a.wi", 4).matches.is_empty());
    }
}
