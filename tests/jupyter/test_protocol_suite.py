"""Jupyter's own suite for kernels, `jupyter_kernel_test`, on ours: whole, no test left out."""

import jupyter_kernel_test
import pytest


@pytest.mark.usefixtures("kernelspec")
class TestKernelSuite(jupyter_kernel_test.KernelTests):
    kernel_name = "momentum"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("oops");'
    code_generate_error = 'panic!("on purpose")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a" == "a"', "result": "true"},
        {"code": 'html("<b>1</b>", "1")', "result": "<b>1</b>", "mime": "text/html"},
    ]
    code_display_data = [
        {"code": 'show(svg("<svg/>", "nothing"));', "mime": "image/svg+xml"},
        {"code": 'show(table("t", ["n"], [[1]]));', "mime": "text/html"},
        {"code": "show(latex(\"x^2\"));", "mime": "text/latex"},
    ]
    completion_samples = [
        {"text": "std::string::"},
        {"text": "Bundle::te", "matches": {"text"}},
    ]
    code_inspect_sample = "println"
    code_page_something = "?show"
    code_clear_output = "clear_output(false);"
    complete_code_samples = ["1 + 1", "fn f() -> u8 { 1 }"]
    incomplete_code_samples = ["fn f() {", "let x = (1,"]
    invalid_code_samples = ["let x = );"]
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6*"
