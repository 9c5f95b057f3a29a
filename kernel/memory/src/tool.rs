//! A user's own tool: a plain Rust function, its JSON schema derived from its argument type.

mod error;
mod permission;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::error::ToolError;
pub use self::permission::{Permission, Permissions};
use crate::agent::{Cancellation, MemoryHandle};
use crate::message::{ToolCall, ToolDefinition};
use crate::runtime;

/// How long a tool may take unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest arguments that are read, in bytes.
const LONGEST_ARGUMENTS: usize = 1 << 20;

type Outcome = Result<String, ToolError>;
type Task = Pin<Box<dyn Future<Output = Outcome> + Send>>;

type Plain = dyn Fn(&ToolCall) -> Outcome + Send + Sync;
type Async = dyn Fn(&ToolCall) -> Result<Task, ToolError> + Send + Sync;
type OnMemory = dyn Fn(&ToolCall, &MemoryHandle) -> Outcome + Send + Sync;

#[derive(Clone)]
enum Body {
    Plain(Arc<Plain>),
    Async(Arc<Async>),
    Memory(Arc<OnMemory>),
}

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
    body: Body,
    timeout: Option<Duration>,
    permissions: Permissions,
}

impl Tool {
    fn build<Args: JsonSchema>(name: &str, description: &str, body: Body) -> Self {
        Tool {
            definition: ToolDefinition::new(name, description, schema_of::<Args>()),
            body,
            timeout: Some(TIMEOUT),
            permissions: Permissions::none(),
        }
    }

    /// A tool that runs `function` on arguments of the type `Args`, whose JSON schema is derived.
    /// What the function returns as an error goes back to the model as a tool error, and so does
    /// a panic in it. It runs on a thread of its own.
    pub fn new<Args, Failure>(
        name: &str,
        description: &str,
        function: impl Fn(Args) -> Result<String, Failure> + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned + JsonSchema,
        Failure: fmt::Display,
    {
        let body = Body::Plain(Arc::new(move |call| refused(function(call.arguments()?))));
        Self::build::<Args>(name, description, body)
    }

    /// A tool from an async function, as [`new`](Self::new). It runs on the shared runtime.
    ///
    /// ```
    /// use momentum_memory::prelude::*;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Greet { name: String }
    ///
    /// let greet = Tool::new_async("greet", "Greets.", |args: Greet| async move {
    ///     Ok::<_, String>(format!("Hello, {}.", args.name))
    /// });
    /// let call = ToolCall { id: "call_1".into(), name: "greet".into(),
    ///                       arguments: r#"{"name": "Sara"}"#.into() };
    /// assert_eq!(greet.call(&call).unwrap(), "Hello, Sara.");
    /// ```
    pub fn new_async<Args, Failure, Running>(
        name: &str,
        description: &str,
        function: impl Fn(Args) -> Running + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned + JsonSchema,
        Failure: fmt::Display,
        Running: Future<Output = Result<String, Failure>> + Send + 'static,
    {
        let body = Body::Async(Arc::new(move |call| {
            let running = function(call.arguments()?);
            Ok(Box::pin(async move { refused(running.await) }) as Task)
        }));
        Self::build::<Args>(name, description, body)
    }

    /// A tool that may touch the agent's memory, as far as `permissions` go.
    pub fn with_memory<Args, Failure>(
        name: &str,
        description: &str,
        permissions: impl Into<Permissions>,
        function: impl Fn(Args, &MemoryHandle) -> Result<String, Failure> + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned + JsonSchema,
        Failure: fmt::Display,
    {
        let body = Body::Memory(Arc::new(move |call, memory| {
            refused(function(call.arguments()?, memory))
        }));
        let tool = Self::build::<Args>(name, description, body);
        Tool { permissions: permissions.into(), ..tool }
    }

    /// Sets how long the tool may take (60 seconds unless set); [`None`] for as long as it likes.
    /// After that the model is told that it timed out. A thread cannot be stopped from outside: a
    /// function that is not async is left running, and what it returns is dropped.
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// What the model is told.
    pub fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    /// What it may touch of the agent's.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// A [`ToolError`] for arguments that do not fit, a refusal, a panic inside, or the time
    /// running out; and for a tool that works on an agent's memory, since here is none.
    pub fn call(&self, call: &ToolCall) -> Result<String, ToolError> {
        self.run(call, None, &Cancellation::default())
    }

    pub(crate) fn run(
        &self,
        call: &ToolCall,
        memory: Option<&MemoryHandle>,
        cancellation: &Cancellation,
    ) -> Result<String, ToolError> {
        check_length(call)?;
        let tool = self.definition.name.clone();
        let panicked = |payload: Box<dyn Any + Send>| ToolError::Panicked {
            tool: tool.clone(),
            message: panic_message(&*payload),
        };
        let call = call.clone();
        let not_run = |source| ToolError::NotRun { tool: tool.clone(), source };
        let handle = runtime::handle().map_err(not_run)?;
        let mut task = match &self.body {
            Body::Plain(function) => {
                let function = Arc::clone(function);
                handle.spawn_blocking(move || function(&call))
            }
            Body::Memory(function) => {
                let Some(memory) = memory else {
                    let text = format!("`{tool}` works on an agent's memory, and here is none");
                    return Err(ToolError::Refused(text));
                };
                let (function, memory) = (Arc::clone(function), memory.clone());
                handle.spawn_blocking(move || function(&call, &memory))
            }
            Body::Async(function) => {
                let started = catch_unwind(AssertUnwindSafe(|| function(&call)));
                handle.spawn(started.map_err(panicked)??)
            }
        };
        let (limit, cancellation) = (self.timeout, cancellation.clone());
        let ended = runtime::wait(async move {
            let pause = async {
                match limit {
                    Some(limit) => tokio::time::sleep(limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = &mut task => Ended::Itself(ended),
                () = pause => { task.abort(); Ended::Late }
                () = cancellation.cancelled() => { task.abort(); Ended::Cancelled }
            }
        });
        match ended.map_err(not_run)? {
            Ended::Itself(Ok(outcome)) => outcome,
            Ended::Itself(Err(error)) => Err(match error.try_into_panic() {
                Ok(payload) => panicked(payload),
                Err(_) => ToolError::Cancelled { tool },
            }),
            Ended::Late => Err(ToolError::TimedOut { tool, limit: limit.unwrap_or_default() }),
            Ended::Cancelled => Err(ToolError::Cancelled { tool }),
        }
    }
}

/// Longer arguments than any tool takes are not even read.
pub(crate) fn check_length(call: &ToolCall) -> Result<(), ToolError> {
    let (tool, n_bytes, limit) = (call.name.clone(), call.arguments.len(), LONGEST_ARGUMENTS);
    if n_bytes > limit { Err(ToolError::TooLong { tool, n_bytes, limit }) } else { Ok(()) }
}

enum Ended {
    Itself(Result<Outcome, tokio::task::JoinError>),
    Late,
    Cancelled,
}

fn refused<Failure: fmt::Display>(outcome: Result<String, Failure>) -> Outcome {
    outcome.map_err(|failure| ToolError::Refused(failure.to_string()))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tool: &Tool, arguments: &str, expected: &str) {
        let name = tool.definition().name.clone();
        let call = ToolCall { id: "call_1".into(), name, arguments: arguments.to_owned() };
        let got = tool.call(&call).unwrap_or_else(|error| error.to_result());
        assert_eq!(got, expected);
    }

    #[test]
    fn every_way_to_fail_is_told() {
        let panics = |(): ()| -> Result<String, String> { panic!("on purpose") };
        check(&Tool::new("panics", "", panics), "null", {
            "Error: `panics` failed inside (it panicked): on purpose. Do not call it like this \
             again."
        });
        let panics = |(): ()| async move {
            let text: Result<String, String> = Err("never".into());
            assert!(text.is_ok(), "in the future");
            text
        };
        check(&Tool::new_async("panics", "", panics), "null", {
            "Error: `panics` failed inside (it panicked): in the future. Do not call it like this \
             again."
        });
        let refuses = Tool::new("refuses", "", |(): ()| Err::<String, _>("not today"));
        check(&refuses, "null", "Error: not today");
        check(&refuses, &format!("\"{}\"", "x".repeat(LONGEST_ARGUMENTS)), {
            "Error: the arguments of `refuses` hold 1048578 bytes, and the limit is 1048576. Send \
             less."
        });
    }

    #[test]
    fn a_tool_that_takes_too_long_is_given_up() {
        let limit = Duration::from_millis(20);
        let late = "Error: `waits` did not end within 20ms and was given up. Ask it for less, or \
                    go on.";
        let waits = Tool::new_async("waits", "", |(): ()| std::future::pending::<Outcome>());
        check(&waits.with_timeout(limit), "null", late);
        // The thread ends with the sender, after the assertion.
        let (_sender, receiver) = std::sync::mpsc::channel::<String>();
        let receiver = std::sync::Mutex::new(receiver);
        let waits = Tool::new("waits", "", move |(): ()| receiver.lock().unwrap().recv());
        check(&waits.with_timeout(limit), "null", late);
    }
}
