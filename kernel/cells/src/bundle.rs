//! One thing in several representations, and the values that have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// One thing in several representations, richest wins: what a cell hands to the notebook.
///
/// There is always a text, so that a terminal, a screen reader and a diff have something to read.
///
/// ```
/// use momentum_cells::Bundle;
/// let bundle = Bundle::text("3 rows").html("<table>...</table>");
/// assert_eq!(bundle.mime_types(), ["text/plain", "text/html"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    pub(crate) data: Map<String, Value>,
    pub(crate) metadata: Map<String, Value>,
}

impl Bundle {
    /// A bundle that has this plain text, to which richer forms may be added.
    pub fn text(text: impl Into<String>) -> Bundle {
        Bundle::default().with("text/plain", Value::String(text.into()))
    }

    /// Adds an HTML form. The caller escapes what is not meant as markup: see [`escape`].
    pub fn html(self, html: impl Into<String>) -> Bundle {
        self.with("text/html", Value::String(html.into()))
    }

    /// Adds an SVG picture.
    pub fn svg(self, svg: impl Into<String>) -> Bundle {
        self.with("image/svg+xml", Value::String(svg.into()))
    }

    /// Adds a PNG picture, given as the bytes of its file.
    pub fn png(self, png: &[u8]) -> Bundle {
        self.with("image/png", Value::String(STANDARD.encode(png)))
    }

    /// Adds binary content of another MIME type, such as `image/jpeg`.
    pub fn binary(self, mime: &str, bytes: &[u8]) -> Bundle {
        self.with(mime, Value::String(STANDARD.encode(bytes)))
    }

    /// Adds a JSON value.
    pub fn json(self, value: Value) -> Bundle {
        self.with("application/json", value)
    }

    /// Adds a chart in Vega-Lite's grammar.
    pub fn vega_lite(self, specification: Value) -> Bundle {
        self.with("application/vnd.vegalite.v5+json", specification)
    }

    /// Says in words what the picture shows, for those who do not see it.
    pub fn alt(mut self, text: impl Into<String>) -> Bundle {
        let alt = json!({ "alt": text.into() });
        for mime in self.data.keys().filter(|mime| mime.starts_with("image/")) {
            self.metadata.insert(mime.clone(), alt.clone());
        }
        self
    }

    /// Adds the content of any other MIME type.
    pub fn with(mut self, mime: &str, content: Value) -> Bundle {
        self.data.insert(mime.into(), content);
        self
    }

    /// The MIME types that the bundle has, in the order in which they were added.
    pub fn mime_types(&self) -> Vec<&str> {
        self.data.keys().map(String::as_str).collect()
    }
}

/// Replaces the characters that HTML gives a meaning.
///
/// ```
/// assert_eq!(momentum_cells::escape("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A value that has representations richer than its `Debug` text.
///
/// Implement it for your own types in a cell, then call [`crate::show`].
pub trait Show {
    /// The value's representations.
    fn bundle(&self) -> Bundle;
}

impl Show for Bundle {
    fn bundle(&self) -> Bundle {
        self.clone()
    }
}

impl Show for str {
    fn bundle(&self) -> Bundle {
        Bundle::text(self)
    }
}

impl Show for String {
    fn bundle(&self) -> Bundle {
        Bundle::text(self.as_str())
    }
}

impl Show for Value {
    fn bundle(&self) -> Bundle {
        Bundle::text(format!("{self:#}")).json(self.clone())
    }
}

/// Values that are their own text.
macro_rules! show_as_text {
    ($($name:ty)*) => {
        $(impl Show for $name {
            fn bundle(&self) -> Bundle {
                Bundle::text(self.to_string())
            }
        })*
    };
}

show_as_text!(bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

impl Show for [String] {
    fn bundle(&self) -> Bundle {
        crate::display::list(self)
    }
}

impl Show for Vec<String> {
    fn bundle(&self) -> Bundle {
        crate::display::list(self)
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn bundle(&self) -> Bundle {
        (**self).bundle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alt_goes_to_each_picture_and_to_nothing_else() {
        let bundle = Bundle::text("t").svg("<svg/>").png(&[1, 2, 3]).alt("a line");
        assert_eq!(
            Value::Object(bundle.metadata),
            json!({"image/svg+xml": {"alt": "a line"}, "image/png": {"alt": "a line"}})
        );
        assert_eq!(bundle.data["image/png"], json!("AQID"));
    }
}
