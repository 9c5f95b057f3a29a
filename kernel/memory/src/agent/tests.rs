mod control;
mod conversation;
mod facts;
mod injection;
mod keeping;
#[allow(unreachable_pub, reason = "the example `nested_keys` has this file as well")]
mod nested;
mod script;
mod sharing;
mod windows;
