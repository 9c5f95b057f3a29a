//! `momentum tour`: with and without a display, with and without JupyterLab.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A learner with a folder, a home and programs of her own.
struct Learner {
    folder: tempfile::TempDir,
}

impl Learner {
    fn new() -> Learner {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work", "home", "programs"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Learner { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that writes down what it was asked.
    fn program(&self, name: &str, version: &str) {
        let path = self.at("programs").join(name);
        let asked = self.at(&format!("asked-of-{name}"));
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo {version}; exit; fi\necho \"$@\" > '{}'\n",
            asked.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn asked_of(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.at(&format!("asked-of-{name}"))).ok()
    }

    /// Takes the tour of a series that needs no run; what was said.
    fn tour(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let series = self.at("work");
        if !series.join("momentum.yaml").is_file() {
            crate::cli::printed(&series, &["init"]);
            let entry = series.join("entries/day-01.md");
            let text = std::fs::read_to_string(&entry).unwrap();
            std::fs::write(&entry, text.replace("![", "[")).unwrap();
            // As if it had been run.
            let notebook = series.join("notebooks/day-01-first-steps.ipynb");
            let text = std::fs::read_to_string(&notebook).unwrap();
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json["metadata"]["momentum"] = serde_json::json!({"format": 1, "status": "ok",
                "kernel": "k", "compiler": "c", "helpers": "h", "seed": 0});
            std::fs::write(&notebook, json.to_string()).unwrap();
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_momentum"));
        command.arg("tour").args(arguments).current_dir(&series).env("NO_COLOR", "1");
        command.env("PATH", format!("{}:{path}", self.at("programs").display()));
        command.env("MOMENTUM_DATA_DIR", self.at("home").join("momentum"));
        command.env("JUPYTER_DATA_DIR", self.at("home").join("jupyter"));
        for name in ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "SSH_CONNECTION", "USER"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The kernel is known to Jupyter already, so that nothing has to be compiled.
    fn with_kernel(&self) {
        let spec = self.at("home").join("jupyter/kernels/momentum");
        std::fs::create_dir_all(&spec).unwrap();
        let program = env!("CARGO_BIN_EXE_momentum");
        let json = serde_json::json!({"argv": [program, "kernel", "serve", "{connection_file}"]});
        std::fs::write(spec.join("kernel.json"), json.to_string()).unwrap();
    }
}

fn check(said: &str, expected: &[&str]) {
    for words in expected {
        assert!(said.contains(words), "`{words}` is not said:\n{said}");
    }
}

#[test]
fn nothing_is_opened_when_that_is_asked_for() {
    let learner = Learner::new();
    learner.program("jupyter-lab", "4.6.6");
    learner.program("xdg-open", "1");
    let said = learner.tour(&["--no-open"], &[("DISPLAY", ":0")]);
    check(
        &said,
        &[
            "_site/index.html",
            "Open it in a browser.",
            "exercises/day-02-agent-memory.ipynb",
            "momentum exercise check day-02-agent-memory",
            "JupyterLab 4.6.6 is here.",
            "momentum kernel install",
        ],
    );
    assert!(learner.at("work/_site/index.html").is_file());
    assert!(learner.at("work/exercises/day-02-agent-memory.ipynb").is_file());
    assert_eq!((learner.asked_of("xdg-open"), learner.asked_of("jupyter-lab")), (None, None));
    // What she has begun stays as it is.
    let mine = learner.at("work/exercises/day-02-agent-memory.ipynb");
    std::fs::write(&mine, std::fs::read_to_string(&mine).unwrap() + "\n").unwrap();
    let before = std::fs::read(&mine).unwrap();
    check(&learner.tour(&["--no-open"], &[]), &["You have begun it"]);
    assert_eq!(std::fs::read(&mine).unwrap(), before);
}

#[test]
fn with_a_display_the_journal_and_the_lesson_are_opened() {
    let learner = Learner::new();
    learner.with_kernel();
    learner.program("jupyter-lab", "4.6.6");
    learner.program("xdg-open", "1");
    let said = learner.tour(&["--lesson", "day-02-cnn"], &[("DISPLAY", ":0")]);
    check(&said, &["Opened in your browser.", "Starting it"]);
    let page = learner.asked_of("xdg-open").expect("the journal was opened");
    assert!(Path::new(page.trim()).ends_with("_site/index.html"), "{page}");
    let asked = learner.asked_of("jupyter-lab").expect("JupyterLab was started");
    assert!(asked.trim().ends_with("exercises/day-02-cnn.ipynb"), "{asked}");
    assert!(!asked.contains("--no-browser"), "{asked}");
}

#[test]
fn over_ssh_addresses_are_said() {
    let learner = Learner::new();
    learner.with_kernel();
    learner.program("jupyter-lab", "4.6.6");
    learner.program("xdg-open", "1");
    let ssh = ("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.7 22");
    let said = learner.tour(&[], &[ssh, ("USER", "ada")]);
    check(&said, &["momentum serve .", "ssh -L 4000:127.0.0.1:4000 ada@10.0.0.7", "ssh -L 8888"]);
    assert_eq!(learner.asked_of("xdg-open"), None);
    assert!(learner.asked_of("jupyter-lab").unwrap().contains("--no-browser"));
}

#[test]
fn an_old_jupyterlab_is_not_started() {
    let learner = Learner::new();
    learner.program("jupyter-lab", "2.3.2");
    let said = learner.tour(&[], &[]);
    check(&said, &["There is no display here.", "JupyterLab 2.3.2 is too old", "Get it:"]);
    assert_eq!(learner.asked_of("jupyter-lab"), None);
}
