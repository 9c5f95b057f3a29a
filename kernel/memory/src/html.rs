//! What the HTML views share.

/// `text` with the characters that mean something in HTML written out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

// Text keeps the page's own colour, so that it reads in light and in dark. Only the tints are ours,
// and a page may replace them by setting the variables.
pub(crate) const ADDED: &str = "background:var(--momentum-added,rgba(46,160,67,.22));\
                                text-decoration:none";
pub(crate) const REMOVED: &str = "background:var(--momentum-removed,rgba(248,81,73,.22))";
pub(crate) const RULE: &str = "border-left:3px solid var(--momentum-rule,currentColor);\
                               padding-left:.75em;margin:.4em 0";
pub(crate) const FAILED: &str = "border-left:3px solid var(--momentum-failed,#d1242f);\
                                 padding-left:.75em;margin:.4em 0";
