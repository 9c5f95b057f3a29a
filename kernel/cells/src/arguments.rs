//! What the model gives to a tool that is made in a cell.

/// Defines the type of a tool's arguments: a struct that is read from what the model sends, and whose
/// JSON schema the model gets. Comments on the fields are its descriptions. The type can be named in
/// the cell that defines it; the tool that takes it can be kept.
///
/// In a crate of your own you would derive `serde::Deserialize` and `schemars::JsonSchema`; a cell
/// knows neither crate.
///
/// ```
/// use momentum_cells::prelude::*;
///
/// tool_arguments! {
///     struct Add {
///         /// The first number.
///         left: i64,
///         /// The second number.
///         right: i64,
///     }
/// }
/// let add = Tool::new("add", "Adds two numbers.", |given: Add| {
///     given.left.checked_add(given.right).map(|sum| sum.to_string()).ok_or("too large")
/// });
/// let schema = &add.definition().parameters;
/// assert_eq!(schema["properties"]["left"]["description"], "The first number.");
/// assert_eq!(schema["required"], json!(["left", "right"]));
/// ```
#[macro_export]
macro_rules! tool_arguments {
    ($($type:item)+) => {
        $(
            #[derive(Debug, Clone, $crate::serde::Deserialize, $crate::schemars::JsonSchema)]
            #[serde(crate = "momentum_cells::serde")]
            #[schemars(crate = "momentum_cells::schemars")]
            $type
        )+
    };
}
