//! A user's own tool: a plain Rust function, its JSON schema derived from its argument type.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::message::{ToolCall, ToolDefinition};

/// Why a tool call did not work. Its text goes back to the model, so it says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// No tool has this name.
    #[error("there is no tool `{name}`; the tools are: {known}. Call one of these instead.")]
    Unknown {
        /// The name in the call.
        name: String,
        /// The names that exist, sorted.
        known: String,
    },
    /// The arguments are not JSON.
    #[error("the arguments of `{tool}` are not a JSON object: {source}. Send valid JSON.")]
    MalformedArguments {
        /// The tool.
        tool: String,
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// One argument has the wrong type, or is missing.
    #[error("argument `{path}` of `{tool}`: {problem}. Send it as the schema says.")]
    WrongArgument {
        /// The tool.
        tool: String,
        /// The argument, as a path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The arguments as a whole have the wrong shape.
    #[error("the arguments of `{tool}`: {problem}. Send them as the schema says.")]
    WrongArguments {
        /// The tool.
        tool: String,
        /// What is wrong.
        problem: String,
    },
    /// The tool ran and refused.
    #[error("{0}")]
    Refused(String),
    /// The tool's own code panicked.
    #[error("`{tool}` failed inside (it panicked): {message}. Do not call it like this again.")]
    Panicked {
        /// The tool.
        tool: String,
        /// The panic's message.
        message: String,
    },
}

impl ToolError {
    /// What the model reads as the call's result.
    pub fn to_result(&self) -> String {
        format!("Error: {self}")
    }
}

type Run = dyn Fn(&ToolCall) -> Result<String, ToolError> + Send + Sync;

/// A tool that a model may call: a definition for the model and a function for us.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Add {
///     /// The first number.
///     left: i64,
///     /// The second number.
///     right: i64,
/// }
///
/// let add = Tool::new("add", "Adds two numbers.", |args: Add| {
///     args.left.checked_add(args.right).map(|sum| sum.to_string()).ok_or("too large")
/// });
/// assert_eq!(add.definition().parameters["properties"]["left"]["description"],
///            "The first number.");
///
/// let call = ToolCall { id: "call_1".into(), name: "add".into(),
///                       arguments: r#"{"left": 2, "right": 3}"#.into() };
/// assert_eq!(add.call(&call).unwrap(), "5");
/// ```
#[derive(Clone)]
pub struct Tool {
    definition: ToolDefinition,
    run: Arc<Run>,
}

impl Tool {
    /// A tool that runs `function` on arguments of the type `Args`, whose JSON schema is derived.
    /// What the function returns as an error goes back to the model as a tool error, and so does
    /// a panic in it.
    pub fn new<Args, Failure>(
        name: &str,
        description: &str,
        function: impl Fn(Args) -> Result<String, Failure> + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned + JsonSchema,
        Failure: fmt::Display,
    {
        Tool {
            definition: ToolDefinition::new(name, description, schema_of::<Args>()),
            run: Arc::new(move |call| {
                let args = call.arguments()?;
                function(args).map_err(|failure| ToolError::Refused(failure.to_string()))
            }),
        }
    }

    /// What the model is told.
    pub fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// A [`ToolError`] for arguments that do not fit, a refusal, or a panic inside.
    pub fn call(&self, call: &ToolCall) -> Result<String, ToolError> {
        catch_unwind(AssertUnwindSafe(|| (self.run)(call))).unwrap_or_else(|payload| {
            let message = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Err(ToolError::Panicked { tool: self.definition.name.clone(), message })
        })
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("definition", &self.definition).finish_non_exhaustive()
    }
}

/// The tool as a line of help: name, arguments, description.
impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.definition.parameters["properties"].as_object();
        let names: Vec<_> =
            properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
        let ToolDefinition { name, description, .. } = &self.definition;
        write!(f, "{name}({}): {description}", names.join(", "))
    }
}

/// The JSON schema of `Args` as models expect it: one object, sub-schemas in line, without the
/// `$schema` line and the Rust type's name.
pub fn schema_of<Args: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Args>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("title");
        // OpenAI refuses an object schema without `properties`.
        object.entry("properties").or_insert_with(|| Value::Object(Default::default()));
    }
    schema
}
