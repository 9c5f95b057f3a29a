use std::collections::HashSet;
use std::ops::Range;

use super::*;

/// Leaves images and links as pulldown-cmark writes them.
struct Echo;

impl Embedding for Echo {
    fn image(&mut self, image: &Image<'_>) -> Option<String> {
        let mut html = String::new();
        let events = [
            Event::Start(Tag::Image {
                link_type: LinkType::Inline,
                dest_url: image.target.to_owned().into(),
                title: "".into(),
                id: "".into(),
            }),
            // A `![[name]]` has no caption of its own.
            Event::Text(if image.by_name && image.caption.is_empty() {
                image.target.to_owned().into()
            } else {
                image.caption.clone().into()
            }),
            Event::End(TagEnd::Image),
        ];
        html::push_html(&mut html, events.into_iter());
        Some(if image.block { format!("<p>{html}</p>\n") } else { html })
    }

    fn link(&mut self, target: &str, _: Range<usize>, _: bool) -> Option<String> {
        Some(target.to_owned())
    }

    fn diagram(&mut self, _: &str, _: Range<usize>) -> Option<String> {
        None
    }

    fn wrong(&mut self, _: Range<usize>, _: String) {}
}

fn ours(text: &str, trusts_html: bool) -> Rendered {
    let config = MarkdownConfig { trusts_html, ..MarkdownConfig::default() };
    render(text, &config, &mut HashSet::new(), &mut Echo)
}

/// Takes away what starts with `start` and ends with `end`, and what lies between.
fn without(html: &str, start: &str, end: &str) -> String {
    let mut kept = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(start) {
        kept.push_str(&rest[..at]);
        let tail = &rest[at + start.len()..];
        rest = tail.find(end).map_or("", |at| &tail[at + end.len()..]);
    }
    kept + rest
}

/// What a reader's HTML says once our own marks are taken away: anchors, boxes that scroll, colours
/// of code, titles of alerts, ways back from footnotes; and what is no difference: an image's title,
/// a line end between elements.
fn bare(html: &str) -> String {
    let mut html = html
        .replace("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">", "");
    html =
        html.replace("</table></div>\n", "</table>\n").replace("</table>\n</div>\n", "</table>\n");
    for (start, end) in [
        (" <a class=\"anchor\"", "</a>"),
        ("<p class=\"alert-title\">", "</p>\n"),
        ("<span class=\"hl-", ">"),
        ("<a class=\"back\"", "</a>"),
        ("<sup class=\"footnote-definition-label\">", "</sup>"),
        (" class=\"language-", "\""),
        (" title=\"", "\""),
        (" id=\"", "\""),
        (" tabindex=\"0\" role=\"group\" aria-label=\"Code", "\""),
        (" aria-label=\"", "\""),
    ] {
        html = without(&html, start, end);
    }
    html = html.replace("</span>", "").replace("<pre class=\"code\">", "<pre>");
    html = html.replace(" checked=\"\"", " checked").replace("disabled=\"\"", "disabled");
    html = html.replace("disabled checked type=\"checkbox\"", "type=\"checkbox\" disabled checked");
    html = html.replace("disabled type=\"checkbox\"", "type=\"checkbox\" disabled");
    html = html.replace("/>", ">").replace(" >", ">").replace("#fn-", "#");
    // Text in an attribute and in a text may be escaped by two rules that mean the same.
    html = html.replace("&quot;", "\"").replace("&#x27;", "'").replace("&#39;", "'");
    html.split_whitespace().collect::<Vec<_>>().join(" ").replace("> ", ">").replace(" <", "<")
}

fn theirs(text: &str) -> String {
    let mut html = String::new();
    html::push_html(&mut html, Parser::new_ext(text, options()));
    html
}

#[derive(serde::Deserialize)]
struct Example {
    markdown: String,
    example: u32,
}

/// Compares on examples; gives those that differ.
fn differing(examples: &[Example]) -> Vec<String> {
    let differ = examples.iter().filter_map(|one| {
        let (left, right) = (bare(&ours(&one.markdown, true).html), bare(&theirs(&one.markdown)));
        let said =
            format!("{}: {:?}\n  ours   {left}\n  theirs {right}", one.example, one.markdown);
        (left != right).then_some(said)
    });
    differ.collect()
}

/// With MOMENTUM_SPECS set to `tests.json` files of CommonMark and GFM (several with `:` between),
/// all of their examples; otherwise those below.
#[test]
fn examples_give_what_the_parser_gives() {
    let mut examples: Vec<Example> = EXAMPLES
        .iter()
        .zip(1..)
        .map(|(text, example)| Example { markdown: (*text).to_owned(), example })
        .collect();
    for path in std::env::var("MOMENTUM_SPECS").unwrap_or_default().split(':') {
        if !path.is_empty() {
            let json = std::fs::read(path).unwrap();
            let more: Vec<Example> = serde_json::from_slice(&json).unwrap();
            println!("{path}: {} examples", more.len());
            examples.extend(more);
        }
    }
    let differ = differing(&examples);
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

const EXAMPLES: [&str; 15] = [
    "# One *two* `three`\n\nText\nwith  \nbreaks.\n",
    "Setext\n======\n\n- a\n\n  b\n- c\n",
    "1. one\n2. two\n   - [ ] to do\n   - [x] done\n",
    "| a | b |\n|---|:-:|\n| 1 | `2` |\n",
    "~~gone~~ **strong** _soft_ <b>raw</b>\n",
    "    indented code & <tag>\n",
    "```rust\nfn main() { println!(\"<{}>\", 1 & 2); }\n```\n",
    "> [!WARNING]\n> Take care.\n\n> plain\n",
    "A note[^1] and again[^1].\n\n[^1]: The *note*.\n",
    "![alt *x*](a.png) and ![b][c]\n\n[c]: /d.png\n",
    "[link](a.md#b \"t\") <https://example.org> <a@example.org>\n",
    "<div>\n\n*in*\n\n</div>\n",
    "a\\*b &amp; &copy; &#35;\n",
    "***\n\n* * *\n",
    "## Named {#own .class}\n",
];

#[test]
fn footnotes_lead_there_and_back() {
    insta::assert_snapshot!(ours("a[^n] b[^n]\n\n[^n]: note\n", false).html, @r##"
    <p>a<sup class="footnote-reference" id="ref-n"><a href="#fn-n">1</a></sup> b<sup class="footnote-reference" id="ref-n-2"><a href="#fn-n">1</a></sup></p>
    <div class="footnote-definition" id="fn-n"><sup class="footnote-definition-label">1</sup>
    <p>note</p>
    <a class="back" href="#ref-n" aria-label="Back to the text">↩</a></div>
    "##);
}

#[test]
fn other_html_is_cleaned_around_what_is_ours() {
    let html =
        ours("<b onclick=\"x\">b</b> <script>x</script>\n\n```rust\nlet x;\n```\n", false).html;
    assert!(!html.contains("onclick") && !html.contains("script"), "{html}");
    assert!(html.contains("<span class=\"hl-keyword\">let</span>"), "{html}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z *_`#>\\-\\[\\]()!|$\\\\<\\n:^]|\\[\\^a\\]|!\\[\\[|\\]\\]|```|\\$\\$|<b>|é|\u{e000}|\u{e001}){0,60}") {
        let html = ours(&text, false).html;
        proptest::prop_assert!(!html.contains("<script"));
    }
}
