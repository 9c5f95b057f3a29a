"""Jupyter's own suite for kernels, `jupyter_kernel_test`, on ours."""

import json

import jupyter_kernel_test
import pytest

SVG = json.dumps({"display": {"data": {"image/svg+xml": "<svg/>", "text/plain": "a drawing"}}})


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
    ]
    code_display_data = [
        {"code": f'println!("\\u{{1e}}{{}}", r#"{SVG}"#);', "mime": "image/svg+xml"}
    ]
    completion_samples = [{"text": "std::string::"}]
    complete_code_samples = ["1 + 1", "fn f() -> u8 { 1 }"]
    incomplete_code_samples = ["fn f() {", "let x = (1,"]
    invalid_code_samples = ["let x = );"]
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6*"
