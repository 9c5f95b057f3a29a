//! What is added to a page as it is sent: the script that hears of changes, and leave for it in
//! the page's content security policy.

/// Where the script and its style lie; no page of a site has such a name.
pub(super) const SCRIPT: &str = "/_momentum/live.js";
pub(super) const STYLE: &str = "/_momentum/live.css";
pub(super) const EVENTS: &str = "/_momentum/events";

/// The page with the script, which knows by `build` how new it is.
pub(super) fn with_script(html: &str, build: u64) -> String {
    let html = with_leave(html);
    let script = format!("<script src=\"{SCRIPT}\" data-build=\"{build}\" defer></script>\n");
    match html.rfind("</body>") {
        Some(at) => format!("{}{script}{}", &html[..at], &html[at..]),
        None => html + &script,
    }
}

/// The page whose policy, where it has one, lets it load the script and hear the events. All else
/// stays refused.
fn with_leave(html: &str) -> String {
    let Some(meta) = html.find("http-equiv=\"Content-Security-Policy\" content=\"") else {
        return html.to_owned();
    };
    let start = meta + "http-equiv=\"Content-Security-Policy\" content=\"".len();
    let Some(len) = html[start..].find('"') else { return html.to_owned() };
    let mut directives: Vec<String> = html[start..start + len]
        .split(';')
        .map(|directive| directive.trim().to_owned())
        .filter(|directive| !directive.is_empty())
        .collect();
    for name in ["script-src", "connect-src", "style-src"] {
        match directives.iter_mut().find(|d| d.split_whitespace().next() == Some(name)) {
            Some(directive) if directive.split_whitespace().any(|word| word == "'self'") => {}
            Some(directive) => {
                *directive =
                    format!("{} 'self'", directive.replace("'none'", "")).replace("  ", " ");
            }
            None => directives.push(format!("{name} 'self'")),
        }
    }
    format!("{}{}{}", &html[..start], directives.join("; "), &html[start + len..])
}

/// What is sent as long as there is no site.
pub(super) const NO_SITE: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<title>No page yet</title>\n</head>\n<body>\n<main><h1>No page yet</h1>\n\
<p>This page appears as soon as the journal has been built.</p></main>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(content: &str) -> String {
        let html = format!(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"{content}\"><body></body>"
        );
        let page = with_script(&html, 3);
        let start = page.find("content=\"").unwrap() + 9;
        page[start..start + page[start..].find('"').unwrap()].to_owned()
    }

    #[test]
    fn the_policy_gives_leave_to_the_script_and_to_nothing_else() {
        assert_eq!(
            policy("default-src 'none'; style-src 'self'; img-src 'self' data:"),
            "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'"
        );
        assert_eq!(
            policy(
                "default-src 'none'; script-src 'sha256-x'; connect-src 'none'; style-src 'self'"
            ),
            "default-src 'none'; script-src 'sha256-x' 'self'; connect-src 'self'; style-src 'self'"
        );
    }

    #[test]
    fn the_script_is_the_last_of_the_body() {
        let page = with_script("<body><p></body></html>", 7);
        assert_eq!(
            page,
            "<body><p><script src=\"/_momentum/live.js\" data-build=\"7\" defer></script>\n</body></html>"
        );
        assert!(with_script("<p>", 0).ends_with("</script>\n"));
    }
}
