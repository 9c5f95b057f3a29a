use super::*;

/// A series of one day with a notebook of three outputs.
fn series(body: &str, config: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("momentum.yaml", &format!("title: Momentum Learning\n{config}"));
    write("entries/day-02.md", &format!("---\nday: 2\ntitle: Two\ndate: 2026-11-22\n---\n{body}"));
    let output = |data: &str| {
        format!(r#"{{"output_type": "display_data", "metadata": {{}}, "data": {{{data}}}}}"#)
    };
    let cell = |label: &str, output: String| {
        format!(
            r#"{{"cell_type": "code", "id": "{label}", "source": "//| label: {label}\n1", "metadata": {{}}, "execution_count": 1, "outputs": [{output}]}}"#
        )
    };
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'><rect width='9' height='9'/></svg>";
    write(
        "notebooks/day-02.ipynb",
        &format!(
            r#"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [{}, {}, {}]}}"#,
            cell("plot", output(&format!(r#""image/svg+xml": "{svg}""#))),
            cell("steps", output(r#""text/plain": "4""#)),
            cell("trace", output(r#""text/plain": "step 1\nstep 2", "text/html": "<b>no</b>""#)),
        ),
    );
    root
}

fn post(body: &str, platform: Platform) -> Post {
    let root = series(body, "base_url: https://example.org\nbase_path: /log\n");
    Series::open(root.path()).unwrap().post(2, platform).unwrap()
}

const BODY: &str = "\
I *started* a **course** on [agents](https://example.com/agents). It took ![steps](../notebooks/day-02.ipynb#steps) steps.

## Book part

| layer | what |
|---|---|
| input | takes the `image` |

- Early layers
- Later layers
  1. nested

> [!NOTE]
> Mind this. See [the cell](../notebooks/day-02.ipynb#plot).

```rust
let x = 1;
```

![How both learn](../notebooks/day-02.ipynb#plot)

![What it said](../notebooks/day-02.ipynb#trace)
";

#[test]
fn a_post_is_in_the_series_manner_without_markdown() {
    let post = post(BODY, Platform::LinkedIn);
    insta::assert_snapshot!(post.parts[0].text, @"
    Momentum Learning Day 2
    | # Day 2 | Momentum Learning Series |

    I started a course on agents (https://example.com/agents). It took 4 steps.

    Book part

    - input: takes the image
    - Early layers
    - Later layers
      1. nested

    Note: Mind this. See the cell (https://example.org/log/notebooks/day-02.html#plot).

    let x = 1;

    [Picture 1: How both learn]

    [Picture 2: What it said]
    ");
    assert_eq!(post.parts[0].pictures.len(), 2);
    assert_eq!(post.parts[0].pictures[0].alt, "How both learn");
    assert!(post.notes[0].contains("before \"see more\""), "{:?}", post.notes);
    for picture in &post.parts[0].pictures {
        crate::raster::Pixels::from_png(&picture.bytes).unwrap();
    }
}

#[test]
fn markdown_stands_by_itself() {
    insta::assert_snapshot!(post(BODY, Platform::Markdown).parts[0].text, @"
    # Momentum Learning Day 2: Two

    I *started* a **course** on [agents](https://example.com/agents). It took 4 steps.

    ## Book part

    | layer | what |
    |---|---|
    | input | takes the `image` |

    - Early layers
    - Later layers
      1. nested

    > [!NOTE]
    > Mind this. See [the cell](https://example.org/log/notebooks/day-02.html#plot).

    ```rust
    let x = 1;
    ```

    ![How both learn](picture-1.png)

    ```text
    step 1
    step 2
    ```

    *What it said*
    ");
}

#[test]
fn a_long_day_becomes_a_thread_within_the_limits() {
    let body = format!("{}\n\n{BODY}", "A sentence of some length stands here. ".repeat(40));
    for (platform, few) in [(Platform::X, 7), (Platform::Mastodon, 4)] {
        let post = post(&body, platform);
        assert!(post.parts.len() >= few, "{}", post.parts.len());
        assert!(post.parts[0].text.starts_with(
            "Momentum Learning Day 2\n| # Day 2 | Momentum Learning Series |\n\nA sentence"
        ));
        for (n, part) in post.parts.iter().enumerate() {
            assert!(part.length <= platform.limit().unwrap(), "{part:?}");
            assert!(part.text.ends_with(&format!("({}/{})", n + 1, post.parts.len())));
            assert!(part.pictures.len() <= 4);
        }
        let n_pictures: usize = post.parts.iter().map(|part| part.pictures.len()).sum();
        assert_eq!(n_pictures, 2);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let root = series("See ![it](../notebooks/day-02.ipynb#none) here.\n", "");
    let series = Series::open(root.path()).unwrap();
    insta::assert_snapshot!(series.post(2, Platform::X).unwrap_err(), @"
    entries/day-02.md:6:5: `none` names no single cell of `notebooks/day-02.ipynb`
      help: `momentum check` names everything that is wrong with the series
    ");
    insta::assert_snapshot!(series.post(7, Platform::X).unwrap_err(), @"there is no day 7; the series has day 2 only");
}

#[test]
fn files_lie_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let written = post(BODY, Platform::Text).write(&folder.path().join("out")).unwrap();
    let names: Vec<_> =
        written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["alt.txt", "picture-1.png", "picture-2.png", "post.txt"]);
    let alt = std::fs::read_to_string(&written[0]).unwrap();
    assert_eq!(
        alt,
        "picture-1.png (with post.txt): How both learn\npicture-2.png (with post.txt): What it said\n"
    );
}

#[test]
fn what_does_not_hold_is_said_once_before_it_is_posted() {
    let root = series(
        "Late: ![l](../notebooks/sample.ipynb#late), ![l](../notebooks/sample.ipynb#late), ![a](../notebooks/sample.ipynb#accuracy).\n",
        "",
    );
    let sample = include_str!("../testdata/sample.ipynb");
    std::fs::write(root.path().join("notebooks/sample.ipynb"), sample).unwrap();
    for platform in Platform::ALL {
        let post = Series::open(root.path()).unwrap().post(2, platform).unwrap();
        let said: Vec<_> =
            post.notes.iter().filter(|note| note.contains("does not hold")).collect();
        assert_eq!(said.len(), 1, "{:?}", post.notes);
        assert_eq!(
            *said[0],
            "the output of `late` in `notebooks/sample.ipynb` does not hold (stale code: the code of this cell, or of one before it, has changed since this was made); before you post it: momentum run notebooks/sample.ipynb"
        );
    }
}
