"""JupyterLab in a real browser: open a notebook, run it, see what it shows."""

import os
import re
import subprocess
import sys
import threading

import nbformat
import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from repository import PATIENCE, has_library_sources
from written import notebook

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(kernelspec, tmp_path_factory):
    """A JupyterLab server on a free port; its folder and address."""
    folder = tmp_path_factory.mktemp("lab")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log = []
    for line in server.stderr:
        log.append(line)
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", line):
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(log))
    # What it goes on to say must not fill the pipe.
    threading.Thread(target=server.stderr.read, daemon=True).start()
    yield folder, *found.groups()
    server.terminate()
    server.wait(timeout=30)


def opened(lab, chromium, name: str, *sources: str):
    """A page with a new notebook of these cells, whose kernel is there."""
    folder, address, token = lab
    nbformat.write(notebook(*sources), folder / name)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/lab/tree/{name}?token={token}&reset", timeout=120_000)
    page.get_by_role("button", name=re.compile(r"Rust \(Momentum\)")).first.wait_for(timeout=120_000)
    page.locator(".jp-Notebook").wait_for()
    return page


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def first_cell(page):
    return page.locator(".jp-CodeCell .cm-content").first


def last_cell(page):
    return page.locator(".jp-CodeCell .cm-content").last


def run_cell(page, text: str, taken: str = r"\[[*\d]"):
    """Presses Shift+Enter in the cell with this text until its prompt says that it was taken.

    While the page is still being put together, something else may take the focus away.
    """
    cell = page.locator(".jp-CodeCell", has_text=text).first
    for _ in range(40):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        try:
            expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(taken), timeout=5_000)
            return cell
        except AssertionError:
            page.keyboard.press("Escape")
    pytest.fail(f"the cell cannot be run: {text}")


def test_a_notebook_runs_in_the_browser(lab, chromium, pictures):
    page = opened(lab, chromium, "first.ipynb", "let side = 6;", 'println!("in the browser");\nside * 7')
    run_all(page)
    result = page.locator(".jp-OutputArea-executeResult", has_text="42")
    result.wait_for(timeout=PATIENCE * 1000)
    printed = page.locator(".jp-OutputArea-output", has_text="in the browser")
    assert printed.count() == 1
    page.screenshot(path=pictures / "jupyterlab.png")
    page.close()


FIGURE = """use plotters::prelude::*;
fn wave(steps: i32) -> Bundle {
    plot((480, 240), &format!("a sine wave of {steps} steps"), |canvas| {
        let mut chart = ChartBuilder::on(canvas).caption("Sine", ("sans-serif", 18)).margin(8)
            .x_label_area_size(24).y_label_area_size(32).build_cartesian_2d(0.0..7.0, -1.0..1.0)?;
        chart.configure_mesh().draw()?;
        let points = (0..=steps).map(|n| f64::from(n) / 10.0).map(|x| (x, x.sin()));
        chart.draw_series(LineSeries::new(points, &BLUE))?;
        Ok(())
    }).unwrap()
}"""

LIVE = """show_as("wave", wave(1));
for n in progress("drawing", 1..=60) {
    update("wave", wave(n));
    std::thread::sleep(std::time::Duration::from_millis(20));
}
table("Sines", ["x", "sin x"], (0..3).map(|x| [format!("{x}"), format!("{:.3}", f64::from(x).sin())]))"""


def test_figures_live_updates_and_tables(lab, chromium, pictures):
    page = opened(lab, chromium, "figures.ipynb", FIGURE, LIVE)
    run_all(page)
    page.locator(".jp-OutputArea-output svg, .jp-RenderedSVG").first.wait_for(timeout=PATIENCE * 1000)
    bar = page.locator("progress")
    bar.wait_for(timeout=PATIENCE * 1000)
    page.locator(".jp-OutputArea-executeResult table").wait_for(timeout=PATIENCE * 1000)
    assert page.locator(".jp-RenderedSVG").count() == 1, "updated in place"
    assert bar.count() == 1
    assert page.locator("progress[value='60']").count() == 1
    assert page.locator(".jp-OutputArea-executeResult th[scope=col]").count() == 2
    page.screenshot(path=pictures / "jupyterlab-figures.png")
    page.close()


def ask_until(page, ask, answer) -> None:
    """Asks until the answer can be seen.

    The first question starts the analyst: JupyterLab may not wait for so long, and shows an empty
    box or none; a reader asks again.
    """
    for _ in range(40):
        ask()
        try:
            answer.wait_for(timeout=5_000)
            return
        except PlaywrightTimeout:
            page.keyboard.press("Escape")
    pytest.fail(f"no answer like {answer}")


@pytest.mark.skipif(not has_library_sources(), reason="rust-src is not installed")
def test_completion_and_inspection(lab, chromium, pictures):
    page = opened(lab, chromium, "asking.ipynb", "let wonderful = vec![3, 1, 2];", "wonderful.so")
    run_cell(page, "let wonderful")
    page.get_by_text("[1]:", exact=True).wait_for(timeout=PATIENCE * 1000)
    completer = page.locator(".jp-Completer")

    def complete():
        last_cell(page).click()
        page.keyboard.press("End")
        page.keyboard.press("Tab")

    ask_until(page, complete, completer.get_by_text("sort_by_key").first)
    assert completer.get_by_text("sort_unstable").count() >= 1
    page.screenshot(path=pictures / "jupyterlab-completion.png")
    # While it is open, Shift+Tab is the completer's.
    page.keyboard.press("Escape")
    completer.wait_for(state="hidden")
    tooltip = page.locator(".jp-Tooltip")

    def inspect():
        first_cell(page).get_by_text("wonderful").click()
        page.keyboard.press("Shift+Tab")

    ask_until(page, inspect, tooltip.get_by_text("defined in cell [1]").first)
    # In its own cell the name is not a variable yet: rust-analyzer does not see through `vec!`.
    said = tooltip.inner_text()
    assert "let wonderful: Vec<" in said, said
    page.screenshot(path=pictures / "jupyterlab-inspection.png")
    page.close()


def test_interrupt_and_restart(lab, chromium, pictures):
    page = opened(lab, chromium, "stopping.ipynb", 'println!("begun");\nloop {}', "6 * 7")
    run_cell(page, "loop {}")
    page.locator(".jp-OutputArea-output", has_text="begun").wait_for(timeout=PATIENCE * 1000)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Interrupt Kernel", exact=True).click()
    page.locator(".jp-OutputArea-output", has_text="interrupted").first.wait_for(timeout=60_000)
    page.screenshot(path=pictures / "jupyterlab-interrupt.png")
    run_cell(page, "6 * 7")
    page.locator(".jp-OutputArea-executeResult", has_text="42").wait_for(timeout=PATIENCE * 1000)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    # The new kernel counts from 1; before, this was the second cell.
    last = run_cell(page, "6 * 7", taken=r"\[[*1]")
    expect(last.locator(".jp-InputPrompt")).to_have_text("[1]:", timeout=PATIENCE * 1000)
    page.close()


SLIDER = """let layout = comm::open_with("jupyter.widget", json!({"state": {
    "_model_module": "@jupyter-widgets/base", "_model_module_version": "2.0.0",
    "_model_name": "LayoutModel", "_view_module": "@jupyter-widgets/base",
    "_view_module_version": "2.0.0", "_view_name": "LayoutView"}, "buffer_paths": []}),
    json!({"version": "2.1.0"}), vec![]);
let style = comm::open_with("jupyter.widget", json!({"state": {
    "_model_module": "@jupyter-widgets/controls", "_model_module_version": "2.0.0",
    "_model_name": "SliderStyleModel", "_view_module": "@jupyter-widgets/base",
    "_view_module_version": "2.0.0", "_view_name": "StyleView"}, "buffer_paths": []}),
    json!({"version": "2.1.0"}), vec![]);
let slider = comm::open_with("jupyter.widget", json!({"state": {
    "_model_module": "@jupyter-widgets/controls", "_model_module_version": "2.0.0",
    "_model_name": "IntSliderModel", "_view_module": "@jupyter-widgets/controls",
    "_view_module_version": "2.0.0", "_view_name": "IntSliderView",
    "layout": format!("IPY_MODEL_{}", layout.id()), "style": format!("IPY_MODEL_{}", style.id()),
    "description": "How many", "min": 0, "max": 10, "step": 1, "value": 3,
    "continuous_update": true, "orientation": "horizontal", "readout": true, "readout_format": "d",
    "disabled": false}, "buffer_paths": []}),
    json!({"version": "2.1.0"}), vec![]);
show_as("heard", "nothing heard yet");
slider.on_message(|_, message| {
    if let Some(n) = message.data["state"]["value"].as_i64() {
        update("heard", format!("heard {n}"));
    }
});
show(Bundle::text("a slider").with("application/vnd.jupyter.widget-view+json",
    json!({"version_major": 2, "version_minor": 0, "model_id": slider.id()})));"""


def test_a_widget_of_ipywidgets(lab, chromium, pictures):
    """The slider's view is JupyterLab's; its model is the cell's, and a callback hears of it."""
    page = opened(lab, chromium, "widget.ipynb", SLIDER)
    handle = page.locator(".noUi-handle")
    # Once in a long run JupyterLab never drew it; perhaps its manager of widgets came up after the cell.
    for last in (False, False, True):
        run_all(page)
        try:
            handle.wait_for(timeout=60_000)
            break
        except PlaywrightTimeout:
            if last:
                raise
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".jp-OutputArea-output", has_text="heard 4").wait_for(timeout=60_000)
    page.screenshot(path=pictures / "jupyterlab-widget.png")
    page.close()
