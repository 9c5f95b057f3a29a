"""Rich display from cells: what the client gets, in which forms, with which words."""

import base64


def shown(result):
    (display,) = result.of("display_data")
    return display["data"], display["metadata"]


def test_everything_has_a_text(kernel):
    for code, mime in [
        ('show("plain");', "text/plain"),
        ("show(42);", "text/plain"),
        ('show(html("<b>1</b>", "one"));', "text/html"),
        ('show(markdown("*one*"));', "text/markdown"),
        ('show(latex("x^2"));', "text/latex"),
        ('show(svg("<svg/>", "nothing"));', "image/svg+xml"),
        ('show(png(b"\\x89PNG", "a picture"));', "image/png"),
        ('show(json!({"a": [1, 2]}));', "application/json"),
        ('show(vega_lite(json!({"mark": "bar"}), "a bar"));', "application/vnd.vegalite.v5+json"),
        ('show(table("Numbers", ["n"], [[1], [2]]));', "text/html"),
    ]:
        data, _ = shown(kernel.ok(code))
        assert mime in data and data["text/plain"], code


def test_pictures_have_alternative_texts_and_tables_headers(kernel):
    data, metadata = shown(kernel.ok('show(png(b"\\x89PNG", "a red square"));'))
    assert metadata["image/png"]["alt"] == data["text/plain"] == "a red square"
    assert base64.b64decode(data["image/png"]) == b"\x89PNG"
    data, _ = shown(kernel.ok('show(table("Two < three", ["a", "<b>"], [["<i>", "1"]]));'))
    assert "<caption>Two &lt; three</caption>" in data["text/html"]
    assert '<th scope="col">a</th>' in data["text/html"]
    assert "<i>" not in data["text/html"] and "<i>" in data["text/plain"]


def test_a_progress_bar_is_one_display_that_is_updated(kernel):
    result = kernel.ok('let mut sum = 0;\nfor n in progress("adding", 0..400) { sum += n; }\nsum')
    (first,) = result.of("display_data")
    updates = result.of("update_display_data")
    name = first["transient"]["display_id"]
    assert {update["transient"]["display_id"] for update in updates} == {name}
    assert len(updates) == 100, "once a per cent"
    assert updates[-1]["data"]["text/plain"] == "adding [####################] 100 %, 400 of 400"
    assert '<progress max="400" value="400">' in updates[-1]["data"]["text/html"]
    assert result.of("execute_result")[0]["data"]["text/plain"] == "79800"


def test_displays_are_updated_from_later_cells_and_cleared(kernel):
    kernel.ok('show_as("mine", "first");')
    (update,) = kernel.ok('update("mine", "second");').of("update_display_data")
    assert update["data"]["text/plain"] == "second"
    assert update["transient"]["display_id"] == "mine"
    assert kernel.ok("clear_output(true);").of("clear_output") == [{"wait": True}]


def test_results_carry_metadata(kernel):
    (result,) = kernel.ok('svg("<svg/>", "an empty picture")').of("execute_result")
    assert result["metadata"] == {"image/svg+xml": {"alt": "an empty picture"}}


def test_a_plotters_figure_needs_no_fonts(kernel):
    result = kernel.ok(
        "use plotters::prelude::*;\n"
        'plot((400, 300), "a rising line with a caption", |canvas| {\n'
        '    let mut chart = ChartBuilder::on(canvas).caption("Rise", ("sans-serif", 20)).margin(8)\n'
        "        .x_label_area_size(30).y_label_area_size(30).build_cartesian_2d(0.0..1.0, 0.0..1.0)?;\n"
        "    chart.configure_mesh().draw()?;\n"
        "    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], &BLUE))?;\n"
        "    Ok(())\n"
        "}).unwrap()"
    )
    (figure,) = result.of("execute_result")
    svg = figure["data"]["image/svg+xml"]
    assert svg.startswith('<svg width="400" height="300"') and "Rise" in svg
    assert figure["metadata"]["image/svg+xml"]["alt"] == "a rising line with a caption"


def test_a_type_of_ones_own_is_shown_richly(kernel):
    kernel.ok(
        "pub struct Celsius(pub f64);\n"
        "impl Show for Celsius {\n"
        '    fn bundle(&self) -> Bundle { html(&format!("<b>{} °C</b>", self.0), &format!("{} °C", self.0)) }\n'
        "}"
    )
    data, _ = shown(kernel.ok("show(Celsius(21.5));"))
    assert data == {"text/plain": "21.5 °C", "text/html": "<b>21.5 °C</b>"}


def test_the_first_question_mark_of_a_session_hides_no_picture(fresh_kernel):
    code = 'let drawn: Result<_, String> = Ok(svg("<svg/>", "nothing"));\ndrawn.clone()?'
    (result,) = fresh_kernel.ok(code).of("execute_result")
    assert "image/svg+xml" in result["data"]
