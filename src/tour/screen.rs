//! Whether this machine can show a page, and what is said where it cannot. The only file that names
//! `open`.

use std::path::Path;
use std::time::Duration;

/// How long the program that opens pages may take to say that it failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the learner's screen is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Screen {
    /// In front of this machine.
    Here,
    /// In front of another machine, from which one came by SSH to this address.
    Elsewhere(String),
    /// There is no display: a server, a container.
    Nowhere,
    /// It was asked to open nothing.
    NotAsked,
}

impl Screen {
    /// Looks at the environment.
    pub(super) fn find() -> Screen {
        Screen::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Screen {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        // Client's address and port, then this machine's address and port.
        if let Some(connection) = set("SSH_CONNECTION") {
            let here = connection.split(' ').nth(2).unwrap_or("this-machine");
            return Screen::Elsewhere(match set("USER") {
                Some(user) => format!("{user}@{here}"),
                None => here.to_owned(),
            });
        }
        let shows = cfg!(target_os = "macos")
            || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
                .into_iter()
                .any(|v| set(v).is_some());
        if shows { Screen::Here } else { Screen::Nowhere }
    }

    /// Opens a page where that can be; says what was done, or what to do.
    pub(super) fn open(&self, page: &Path, series: &Path) -> Vec<String> {
        let by_hand = || "Open it in a browser.".to_owned();
        match self {
            Screen::Here => match open::that_detached_with_timeout(page, PATIENCE) {
                Ok(()) => vec!["Opened in your browser.".to_owned()],
                Err(_) => vec![by_hand()],
            },
            Screen::NotAsked => vec![by_hand()],
            Screen::Nowhere => vec![
                "There is no display here. Copy the folder to a machine with a browser, or serve it:"
                    .to_owned(),
                format!("momentum serve {}", series.display()),
            ],
            Screen::Elsewhere(here) => vec![
                "You are here by SSH. To see it in your own browser, here:".to_owned(),
                format!("  momentum serve {}", series.display()),
                "and on your machine:".to_owned(),
                format!("  ssh -L 4000:127.0.0.1:4000 {here}"),
                "then open http://127.0.0.1:4000/ there.".to_owned(),
            ],
        }
    }

    /// What is worth knowing before JupyterLab has the terminal.
    pub(super) fn before_lab(&self) -> Vec<String> {
        match self {
            Screen::Here | Screen::NotAsked => Vec::new(),
            Screen::Nowhere => vec!["It will write the address to open.".to_owned()],
            Screen::Elsewhere(here) => vec![
                "It will write an address with a port such as 8888. On your machine:".to_owned(),
                format!("  ssh -L 8888:127.0.0.1:8888 {here}"),
                "then open that address there.".to_owned(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &Screen) {
        let found = Screen::of(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(&found, expected);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_environment_tells_where_the_screen_is() {
        check(&[], &Screen::Nowhere);
        check(&[("DISPLAY", "")], &Screen::Nowhere);
        check(&[("DISPLAY", ":0")], &Screen::Here);
        check(&[("WAYLAND_DISPLAY", "wayland-0")], &Screen::Here);
        // A display that is forwarded is slow: the learner's own browser is better.
        let ssh = ("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.7 22");
        check(&[("DISPLAY", ":10"), ssh], &Screen::Elsewhere("10.0.0.7".into()));
        check(&[ssh, ("USER", "ada")], &Screen::Elsewhere("ada@10.0.0.7".into()));
    }

    #[test]
    fn over_ssh_it_is_said_how_to_get_the_page() {
        let said = Screen::Elsewhere("ada@10.0.0.7".into()).open(Path::new("i"), Path::new("log"));
        let said = said.join("\n");
        assert!(said.contains("momentum serve log"), "{said}");
        assert!(said.contains("ssh -L 4000:127.0.0.1:4000 ada@10.0.0.7"), "{said}");
    }
}
