//! Entries of about 400 words with code, a table, a picture and a link; the same on every machine.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const WORDS: &str = "gradient descent loss kernel matrix vector layer batch epoch learning rate \
    momentum weight bias tensor graph model train validation test split sample noise signal because \
    when after before then while each some many few first last next today we read the chapter and \
    tried an exercise that shows how this works in practice with data plot table number result error \
    function derivative integral sum product chain backward forward cache memory thread block course";

/// A picture of one pixel, as it stands in a notebook.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A linear congruential generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }

    fn words(&mut self, n: usize) -> String {
        let all: Vec<&str> = WORDS.split_whitespace().collect();
        let mut text = String::new();
        for at in 0..n {
            let word = all[self.below(all.len())];
            match self.below(40) {
                0 => write!(text, "**{word}**"),
                1 => write!(text, "`{word}`"),
                _ => write!(text, "{word}"),
            }
            .expect("text");
            text.push_str(if at % 12 == 11 { ". " } else { " " });
        }
        text
    }
}

/// Writes `size` entries of a flavour, by `script` where there is one.
pub(crate) fn write(script: Option<&Path>, flavour: &str, size: usize, folder: &Path) {
    if let Some(script) = script {
        let status = Command::new("python3")
            .arg(script)
            .args([flavour, &size.to_string()])
            .arg(folder)
            .env("ZOLA_SEARCH", "true")
            .stdout(std::process::Stdio::null())
            .status()
            .expect("python3 starts");
        assert!(status.success(), "the generator failed");
        return;
    }
    let (base, link, picture) = match flavour {
        "zola" => ("content", "@/entries/", "/img/fig.png"),
        "hugo" => ("content", "", "/img/fig.png"),
        "mdbook" => ("src", "", "../img/fig.png"),
        _ => ("", "", "../img/fig.png"),
    };
    let put = |path: &str, text: &[u8]| {
        let path = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let pictures = if matches!(flavour, "zola" | "hugo") { "static" } else { base };
    put(&format!("{pictures}/img/fig.png"), &pixel());
    for n in 1..=size {
        let mut chance = Chance(n as u64);
        let day = date(n);
        let tags = format!("[tag-{}, tag-{}]", n % 30, n % 7);
        let head = match flavour {
            "mdbook" => format!("# Day {n}\n\n"),
            "zola" => format!(
                "---\ntitle: \"Day {n}\"\ndate: {day}\ntaxonomies:\n  tags: {tags}\n---\n\n"
            ),
            _ => format!(
                "---\ntitle: \"Entry {n}\"\nday: {n}\ndate: {day}\ntags: {tags}\nsummary: \"{}\"\n---\n\n",
                chance.words(9).replace(['*', '`'], "")
            ),
        };
        let previous = if n > 1 {
            format!("Yesterday: [before]({link}day-{:05}.md).\n\n", n - 1)
        } else {
            String::new()
        };
        let mut code = format!(
            "def day_{n}(rate, steps={}):\n    \"\"\"Return the loss.\"\"\"\n",
            chance.below(50)
        );
        for line in 0..9 {
            let _ = writeln!(
                code,
                "    value_{line} = rate * {} / {}  # note",
                chance.below(999),
                1 + chance.below(99)
            );
        }
        let mut table = "| name | loss |\n| --- | ---: |\n".to_owned();
        for row in 0..5 {
            let _ = writeln!(table, "| run {row} | 0.{:03} |", chance.below(1000));
        }
        let text = format!(
            "{head}{previous}## Course\n\n{}\n\n```python\n{code}    return rate\n```\n\n### Measured\n\n{table}\n{}\n\n![A figure]({picture})\n\n## Book\n\n{}\n\n- {}\n- {}\n\n> {}\n\n## Next\n\n{}\n",
            chance.words(90),
            chance.words(60),
            chance.words(90),
            chance.words(20),
            chance.words(20),
            chance.words(20),
            chance.words(50),
        );
        put(&format!("{base}/entries/day-{n:05}.md"), text.as_bytes());
    }
    let page = "<!doctype html><html lang=\"en\"><head><title>T</title></head><body>";
    match flavour {
        "mdbook" => {
            let mut summary = "# Summary\n\n".to_owned();
            for n in 1..=size {
                let _ = writeln!(summary, "- [Day {n}](entries/day-{n:05}.md)");
            }
            put("book.toml", b"[book]\ntitle = \"Journal\"\n");
            put("src/SUMMARY.md", summary.as_bytes());
        }
        "zola" => {
            put("config.toml", b"base_url = \"https://example.org\"\ntitle = \"Journal\"\nbuild_search_index = true\ngenerate_feeds = true\ntaxonomies = [{name = \"tags\", feed = false}]\n[markdown]\n");
            put("content/_index.md", b"---\ntitle: \"Journal\"\n---\n");
            put(
                "content/entries/_index.md",
                b"---\ntitle: \"Entries\"\nsort_by: date\npaginate_by: 50\n---\n",
            );
            put(
                "templates/page.html",
                format!("{page}{{{{ page.content | safe }}}}</body></html>").as_bytes(),
            );
            put("templates/index.html", format!("{page}</body></html>").as_bytes());
            put("templates/section.html", format!("{page}{{% for p in paginator.pages %}}<a href=\"{{{{ p.permalink | safe }}}}\">{{{{ p.title }}}}</a>{{% endfor %}}</body></html>").as_bytes());
            put("templates/tags/list.html", b"{% for t in terms %}{{ t.name }}{% endfor %}");
            put(
                "templates/tags/single.html",
                b"{% for p in term.pages %}{{ p.title }}{% endfor %}",
            );
        }
        "hugo" => {
            put("hugo.toml", b"baseURL = \"https://example.org/\"\ntitle = \"Journal\"\n[pagination]\npagerSize = 50\n");
            put(
                "layouts/_default/single.html",
                format!("{page}{{{{ .Content }}}}</body></html>").as_bytes(),
            );
            put("layouts/_default/list.html", format!("{page}{{{{ range .Paginator.Pages }}}}<a href=\"{{{{ .RelPermalink }}}}\">{{{{ .Title }}}}</a>{{{{ end }}}}</body></html>").as_bytes());
        }
        _ => {}
    }
}

/// The n-th day, in years of twelve months of 28 days.
fn date(n: usize) -> String {
    format!("{:04}-{:02}-{:02}", 2000 + n / 336, 1 + n / 28 % 12, 1 + n % 28)
}

fn pixel() -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(PIXEL).expect("base64")
}

/// A series with one notebook: fifty cells, ten pictures of 20 KB, code in Python.
pub(crate) fn write_notebook(folder: &Path) {
    std::fs::create_dir_all(folder.join("entries")).expect("made");
    std::fs::create_dir_all(folder.join("notebooks")).expect("made");
    std::fs::write(folder.join("momentum.yaml"), "title: Journal\n").expect("written");
    touch_notebook(folder, 0);
}

/// Writes the notebook with something in it that is new in each round.
pub(crate) fn touch_notebook(folder: &Path, round: usize) {
    use base64::Engine;
    let mut chance = Chance(round as u64 + 1);
    let cells: Vec<serde_json::Value> = (0..50)
        .map(|n| {
            let source = format!("x_{n} = [i * {round} for i in range({n})]\nprint(sum(x_{n}))  # a note\n");
            let mut outputs = vec![serde_json::json!({"output_type": "stream", "name": "stdout", "text": [chance.words(30)]})];
            if n % 5 == 0 {
                // A picture's head, and bytes that no compression makes smaller.
                let mut bytes = pixel();
                bytes.extend((0..20_000).map(|_| chance.below(256) as u8));
                let data = base64::engine::general_purpose::STANDARD.encode(bytes);
                outputs.push(serde_json::json!({"output_type": "display_data", "metadata": {}, "data": {"image/png": data, "text/plain": ["<Figure>"]}}));
            }
            serde_json::json!({"cell_type": "code", "metadata": {}, "execution_count": n, "source": [source], "outputs": outputs})
        })
        .collect();
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}}, "cells": cells});
    std::fs::write(folder.join("notebooks/bench.ipynb"), notebook.to_string()).expect("written");
}
