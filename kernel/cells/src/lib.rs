//! What is in scope in every notebook cell.
