use super::*;

fn notebook(outputs: &str, tags: &str) -> Notebook {
    let json = format!(
        r#"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [
        {{"cell_type": "markdown", "id": "m", "source": "x", "metadata": {{}}}},
        {{"cell_type": "code", "id": "c", "source": "//| label: sum\n1", "metadata": {{"tags": [{tags}]}},
          "execution_count": 1, "outputs": [{outputs}]}}]}}"#
    );
    read_notebook("n.ipynb", json.as_bytes()).unwrap()
}

fn stream(text: &str) -> String {
    format!(r#"{{"output_type": "stream", "name": "stdout", "text": "{text}"}}"#)
}

fn display(mime: &str, data: &str) -> String {
    format!(
        r#"{{"output_type": "display_data", "metadata": {{}}, "data": {{"{mime}": "{data}"}}}}"#
    )
}

/// What is said of the cell; empty where both are the same.
fn differences(old: &str, new: &str) -> String {
    let found = compare(&notebook(old, ""), &notebook(new, ""), &ComparisonConfig::default());
    found.into_iter().map(|one| format!("{} {}\n{}", one.number, one.label, one.lines)).collect()
}

#[test]
fn texts_are_compared_by_lines_and_numbers_with_tolerance() {
    let (old, new) = (
        stream("epoch 1\\nloss 0.50000001\\nend\\n"),
        stream("epoch 1\\nloss 0.50000002\\nend\\n"),
    );
    assert_eq!(differences(&old, &new), "");
    insta::assert_snapshot!(differences(&old, &stream("epoch 1\\nloss 0.52\\nend\\nmore\\n")), @"
    2 sum
    line 2
    -loss 0.50000001
    +loss 0.52
    line 4
    +more
    ");
    insta::assert_snapshot!(differences(&old, ""), @"
    2 sum
    output 1 is gone: text on stdout
    ");
    insta::assert_snapshot!(differences(&old, &display("text/plain", "7")), @"
    2 sum
    was text on stdout, is text/plain
    ");
}

#[test]
fn byte_for_byte_nothing_is_tolerated() {
    let exact = ComparisonConfig { exact: true, ..ComparisonConfig::default() };
    let check = |old: &str, new: &str, expected: &str| {
        assert_eq!(differences(old, new), "", "the same within the tolerance");
        let found = compare(&notebook(old, ""), &notebook(new, ""), &exact);
        let lines: Vec<&str> = found.iter().map(|one| one.lines.as_str()).collect();
        assert_eq!(lines.concat(), expected);
    };
    let loss = stream("loss 0.50000001\\n");
    check(&loss, &loss, "");
    check(&loss, &stream("loss 0.50000002\\n"), "output 1 has other bytes: text on stdout\n");
    let svg = |note: &str| {
        let root = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>";
        display("image/svg+xml", &format!("{root}<!--{note}--></svg>"))
    };
    check(&svg("a"), &svg("b"), "output 1 has other bytes: image/svg+xml\n");
}

#[test]
fn pictures_are_compared_by_their_pixels() {
    let svg = |x: f32, note: &str| {
        display(
            "image/svg+xml",
            &format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'><!--{note}--><rect x='{x}' width='50' height='100'/></svg>"
            ),
        )
    };
    assert_eq!(differences(&svg(0.0, "a"), &svg(0.0, "b")), "");
    insta::assert_snapshot!(differences(&svg(0.0, ""), &svg(9.0, "")), @"
    2 sum
    image/svg+xml: 1800 of 10000 pixels differ (18.00 %), between (0, 0) and (58, 99)
    ");
    let png = |shade: u8| {
        use base64::Engine;
        let pixels = Pixels { width: 2, height: 2, rgba: [shade, 0, 0, 255].repeat(4) };
        display("image/png", &base64::engine::general_purpose::STANDARD.encode(pixels.to_png()))
    };
    assert_eq!(differences(&png(100), &png(103)), "");
    insta::assert_snapshot!(differences(&png(100), &png(200)), @"
    2 sum
    image/png: 4 of 4 pixels differ (100.00 %), between (0, 0) and (1, 1)
    ");
}

#[test]
fn tagged_cells_are_left_out() {
    let config = ComparisonConfig::default();
    let old = notebook(&stream("1"), "\"nondeterministic\"");
    let new = notebook(&stream("2"), "\"nondeterministic\"");
    assert_eq!(compare(&old, &new, &config), []);
    let none = ComparisonConfig { skip: Vec::new(), ..config };
    assert_eq!(compare(&old, &new, &none).len(), 1);
}

#[test]
fn a_finding_names_the_line_of_its_cell() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("momentum.yaml"), "title: T\n").unwrap();
    let write = |name: &str, text: &str| {
        let json = format!(
            "{{\"nbformat\": 4, \"metadata\": {{}},\n\"cells\": [\n{{\"cell_type\": \"code\", \"id\": \"c\", \"source\": \"1\", \"metadata\": {{}}, \"outputs\": [{}]}}]}}",
            stream(text)
        );
        let path = root.path().join(name);
        std::fs::write(&path, json).unwrap();
        path.canonicalize().unwrap()
    };
    let (old, new) = (write("n.ipynb", "1"), write("again.ipynb", "2"));
    let series = Series::open(root.path()).unwrap();
    let found = series.compare_run(&old, &new, &ComparisonConfig::default()).unwrap();
    insta::assert_snapshot!(found[0].problem, @"
    n.ipynb:3:23: cell 1 (`c`) gives another output when it is run again
      help: run the notebook and commit it, or tag the cell `nondeterministic`
    ");
    assert_eq!(found[0].difference, "-1\n+2\n");
}
