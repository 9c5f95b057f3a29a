//! What the tutor does when it is asked for a summary: it lists the facts that the user told.

use crate::message::Request;
use crate::tutor::knowledge::Knowledge;
use crate::untrusted;

use super::heard;

/// What a summary begins with.
const HEAD: &str = "What the user told, by a rule-based summariser:";

/// The summary, if the request asks for one: the newest message holds a conversation between tags,
/// a line a message, and no tools are on offer.
pub(super) fn summary(request: &Request) -> Option<String> {
    let text = &request.messages.last().filter(|_| request.tools.is_empty())?.text;
    let conversation = between(text, "<conversation>\n", "</conversation>")?;
    let mut known = Knowledge::default();
    let before = between(text, "<summary>\n", "</summary>").unwrap_or_default();
    let before = untrusted::unescaped(before);
    before.lines().filter(|line| *line != HEAD).for_each(|line| known.read_line(line));
    for line in conversation.lines() {
        let said = line.strip_prefix("user: ");
        if let Some(said) = said.and_then(|said| serde_json::from_str::<String>(said).ok()) {
            heard::intents(&said).iter().for_each(|intent| known.apply(intent));
        }
    }
    let facts = known.facts().iter();
    let facts: Vec<_> = facts
        .map(|(key, value)| format!("{}: {}", key.replace(' ', "_"), value.replace('\n', " ")))
        .collect();
    Some(match facts.is_empty() {
        true => format!("{HEAD}\n(no fact)"),
        false => format!("{HEAD}\n{}", facts.join("\n")),
    })
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let after = text.split_once(begin)?.1;
    Some(after.rsplit_once(end)?.0)
}
