//! What goes to a model and what comes back: our own plain types.
//!
//! Nothing here knows which library carries them. [`wire`](crate::wire) turns them into the JSON
//! of the chat-completions format and back.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tool::ToolError;

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The frame: instructions and memory. Only the program writes it.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// What a tool returned to the model.
    Tool,
}

impl Role {
    /// The role's name in the chat-completions format.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// Its text; empty when an assistant only calls tools.
    pub text: String,
    /// The tool calls an assistant asks for.
    pub tool_calls: Vec<ToolCall>,
    /// For [`Role::Tool`]: the id of the call that this answers.
    pub answers: Option<String>,
}

impl Message {
    fn plain(role: Role, text: &str) -> Self {
        Message { role, text: text.to_owned(), tool_calls: Vec::new(), answers: None }
    }

    /// Instructions to the model.
    pub fn system(text: &str) -> Self {
        Self::plain(Role::System, text)
    }

    /// What the person says.
    pub fn user(text: &str) -> Self {
        Self::plain(Role::User, text)
    }

    /// What the model says.
    pub fn assistant(text: &str) -> Self {
        Self::plain(Role::Assistant, text)
    }

    /// What the tool returned for `call`.
    pub fn tool(call: &ToolCall, result: &str) -> Self {
        Message { answers: Some(call.id.clone()), ..Self::plain(Role::Tool, result) }
    }

    /// The number of characters that this message takes in a prompt: its text, and the names and
    /// arguments of its tool calls.
    pub fn n_chars(&self) -> usize {
        let calls = self.tool_calls.iter();
        self.text.chars().count()
            + calls
                .map(|call| call.name.chars().count() + call.arguments.chars().count())
                .sum::<usize>()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.role)?;
        if !self.text.is_empty() {
            write!(f, " {}", self.text)?;
        }
        for call in &self.tool_calls {
            write!(f, " {call}")?;
        }
        Ok(())
    }
}

/// A model's wish to run a tool. The arguments are JSON text as the model wrote it, which may be
/// anything: see [`ToolCall::arguments`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The call's id, which the tool's result names.
    pub id: String,
    /// The name of the tool, as the model wrote it.
    pub name: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
}

impl ToolCall {
    /// The arguments as the type that the tool takes.
    ///
    /// # Errors
    /// A [`ToolError`] that says which argument is wrong and how, meant for the model to read.
    ///
    /// ```
    /// use momentum_memory::message::ToolCall;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Add { left: i64, right: i64 }
    ///
    /// let call = |arguments: &str| ToolCall {
    ///     id: "call_1".into(), name: "add".into(), arguments: arguments.into(),
    /// };
    /// assert_eq!(call(r#"{"left": 2, "right": 3}"#).arguments::<Add>().unwrap().right, 3);
    ///
    /// let error = call(r#"{"left": 2, "right": "three"}"#).arguments::<Add>().err().unwrap();
    /// assert!(error.to_string().contains("argument `right`"));
    /// ```
    pub fn arguments<Args: DeserializeOwned>(&self) -> Result<Args, ToolError> {
        let text = self.arguments.trim();
        // Some models send nothing at all for a tool without arguments.
        let text = if text.is_empty() { "{}" } else { text };
        let mut json = serde_json::Deserializer::from_str(text);
        let parsed = serde_path_to_error::deserialize(&mut json);
        let args = parsed.map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if inner.is_data() {
                // Serde's "at line 1 column 9" is of no use to a model that wrote one line.
                let text = inner.to_string();
                let problem = text.split(" at line ").next().unwrap_or(&text).to_owned();
                match path.as_str() {
                    "." | "?" => ToolError::WrongArguments { tool: self.name.clone(), problem },
                    _ => ToolError::WrongArgument { tool: self.name.clone(), path, problem },
                }
            } else {
                ToolError::MalformedArguments { tool: self.name.clone(), source: inner }
            }
        })?;
        json.end()
            .map_err(|source| ToolError::MalformedArguments { tool: self.name.clone(), source })?;
        Ok(args)
    }

    /// One argument as text: the shortest way for a tool with plain string parameters.
    ///
    /// # Errors
    /// A [`ToolError`] when the arguments are not a JSON object or `name` is not a string in it.
    ///
    /// ```
    /// use momentum_memory::message::ToolCall;
    ///
    /// let call = ToolCall { id: "call_1".into(), name: "greet".into(),
    ///                       arguments: r#"{"who": "Sara"}"#.into() };
    /// assert_eq!(call.argument("who").unwrap(), "Sara");
    /// assert!(call.argument("whom").unwrap_err().to_string().contains("`whom`"));
    /// ```
    pub fn argument(&self, name: &str) -> Result<String, ToolError> {
        let args: serde_json::Map<String, Value> = self.arguments()?;
        match args.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            other => Err(ToolError::WrongArgument {
                tool: self.name.clone(),
                path: name.to_owned(),
                problem: match other {
                    None => "it is missing".to_owned(),
                    Some(value) => format!("expected a string, got {value}"),
                },
            }),
        }
    }
}

/// A call in one line, as a reader expects a call: `name(key: "value")`.
impl fmt::Display for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::from_str::<serde_json::Map<String, Value>>(&self.arguments) {
            Ok(args) => {
                let args: Vec<_> = args.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                write!(f, "{}({})", self.name, args.join(", "))
            }
            Err(_) => write!(f, "{}({})", self.name, self.arguments),
        }
    }
}

/// What a model is told about a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// The name by which the model calls it.
    pub name: String,
    /// What it does and when to use it, in words for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object schema.
    pub parameters: Value,
}

impl ToolDefinition {
    /// A tool with this name, description and JSON schema of its arguments.
    pub fn new(name: &str, description: &str, parameters: Value) -> Self {
        ToolDefinition { name: name.to_owned(), description: description.to_owned(), parameters }
    }
}

/// Whether the model may, must or must not call tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No tool call.
    None,
    /// At least one tool call.
    Required,
    /// A call of the tool with this name.
    Named(String),
}

/// One question to a model: the messages so far and the tools on offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<ToolDefinition>,
    /// Whether the model may, must or must not call them.
    pub tool_choice: ToolChoice,
    /// Whether one reply may hold several tool calls. [`None`] leaves it to the model.
    pub parallel_tool_calls: Option<bool>,
}

impl Request {
    /// These messages and these tools, the rest by default.
    pub fn new(messages: &[Message], tools: &[ToolDefinition]) -> Self {
        Request {
            messages: messages.to_vec(),
            tools: tools.to_vec(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: None,
        }
    }

    /// Asks for at most one tool call a reply, so that the model sees each result before it asks
    /// for the next.
    pub fn one_call_at_a_time(mut self) -> Self {
        self.parallel_tool_calls = Some(false);
        self
    }

    /// Sets whether the model may, must or must not call tools.
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }
}

/// Why a model stopped writing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// It said all it had to say.
    Stop,
    /// It waits for the results of its tool calls.
    ToolCalls,
    /// It ran out of room.
    Length,
    /// Anything else, as the endpoint wrote it; empty when it wrote nothing.
    Other(String),
}

/// Tokens as the endpoint counted them; zero where it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
}

/// What a model replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its text, if any.
    pub text: Option<String>,
    /// What it thought before it answered, where the endpoint tells. It is never sent back.
    pub reasoning: Option<String>,
    /// The tool calls it asks for, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// The model's name, as the endpoint wrote it.
    pub model: String,
    /// Tokens, as the endpoint counted them.
    pub usage: Usage,
}

impl Reply {
    /// The reply as a message, to be put behind the conversation.
    pub fn message(&self) -> Message {
        Message {
            tool_calls: self.tool_calls.clone(),
            ..Message::assistant(self.text.as_deref().unwrap_or_default())
        }
    }
}

/// What is new in a reply while it is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// More of its text.
    Text(String),
    /// More of what it thinks.
    Reasoning(String),
    /// A tool call begins.
    ToolCall {
        /// Which call of the reply, from 0.
        index: usize,
        /// The name of the tool.
        name: String,
    },
    /// More of a tool call's arguments, which are whole only when the reply is.
    Arguments {
        /// Which call of the reply, from 0.
        index: usize,
        /// The next piece of JSON text.
        text: String,
    },
}

/// The reply's text, then its tool calls, a line each.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.as_deref().filter(|text| !text.is_empty());
        match (text, self.tool_calls.is_empty()) {
            (Some(text), _) => write!(f, "answer: {text}")?,
            (None, false) => write!(f, "answer: (none)")?,
            (None, true) => write!(f, "answer: (none), and no tool call")?,
        }
        for call in &self.tool_calls {
            write!(f, "\ntool call: {call}")?;
        }
        Ok(())
    }
}
