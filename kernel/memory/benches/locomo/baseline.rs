//! What SQLite's own full-text search finds: FTS5 with its Porter stemmer and BM25, any word of the
//! question (OR), with and without the question's stop words.

use rusqlite::Connection;

use crate::data::{Conversation, Question};
use crate::{LONGEST, Score};

/// The stop words of the Natural Language Toolkit. FTS5 takes `don't` for `don` and `t`.
const STOP_WORDS: &str = "\
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she \
    her hers herself it its itself they them their theirs themselves what which who whom this that \
    these those am is are was were be been being have has had having do does did doing a an the and \
    but if or because as until while of at by for with about against between into through during \
    before after above below to from up down in out on off over under again further then once here \
    there when where why how all any both each few more most other some such no nor not only own \
    same so than too very s t can will just don should now d ll m o re ve";

/// Asks all questions; the scores come by conversation. A document is `(date) Speaker said, \"text\"
/// and shared caption`.
pub(crate) fn measure(
    conversations: &[Conversation],
    drops_stop_words: bool,
) -> rusqlite::Result<Vec<Vec<Score>>> {
    let mut scores = Vec::new();
    for conversation in conversations {
        let index = index(conversation)?;
        let questions = conversation.questions.iter();
        let asked = questions.map(|question| ask(&index, question, drops_stop_words));
        scores.push(asked.collect::<rusqlite::Result<Vec<Score>>>()?);
    }
    Ok(scores)
}

fn index(conversation: &Conversation) -> rusqlite::Result<Connection> {
    let index = Connection::open_in_memory()?;
    index.execute_batch(
        "CREATE VIRTUAL TABLE turn USING fts5(text, tokenize = 'porter unicode61');",
    )?;
    let mut insert = index.prepare("INSERT INTO turn (rowid, text) VALUES (?1, ?2)")?;
    for (n, turn) in (0_i64..).zip(&conversation.turns) {
        insert.execute((n, format!("({}) {}", turn.date, turn.text)))?;
    }
    drop(insert);
    Ok(index)
}

fn ask(index: &Connection, question: &Question, drops_stop_words: bool) -> rusqlite::Result<Score> {
    let text = question.text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_wanted =
        |word: &&str| !drops_stop_words || !STOP_WORDS.split_whitespace().any(|stop| stop == *word);
    let words: Vec<String> = words.filter(is_wanted).map(|word| format!("\"{word}\"")).collect();
    if words.is_empty() {
        return Ok(Score::of(question, &[]));
    }
    let mut select = index
        .prepare_cached("SELECT rowid FROM turn WHERE turn MATCH ?1 ORDER BY rank LIMIT ?2")?;
    let found =
        select.query_map((words.join(" OR "), LONGEST as i64), |row| row.get::<_, i64>(0))?;
    let found: Vec<u64> = found.map(|n| n.map(|n| n as u64)).collect::<Result<_, _>>()?;
    Ok(Score::of(question, &found))
}
