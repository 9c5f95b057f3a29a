//! Facts with a time, in the hands of an agent.

use std::time::Duration;

use serde_json::json;

use super::script::{Script, calls};
use crate::agent::{Agent, AgentError, Clock, Permission, Permissions};
use crate::storage::Timestamp;

/// The results of an agent's calls, one a step, at noon of 2026-11-23 and each a second later.
fn results(all: &[(&str, &str)]) -> Vec<String> {
    let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
    let script = Script::new(all.iter().map(|one| calls([*one])));
    let mut agent = Agent::new(script)
        .with_clock(Clock::counting(noon, Duration::from_secs(1)))
        .with_step_limit(all.len())
        .with_facts()
        .unwrap();
    let trace = agent.say("Go.").unwrap();
    let calls = trace.steps().iter().flat_map(|step| &step.calls);
    calls.map(|(_, result)| result.clone()).collect()
}

#[test]
fn a_move_ends_the_old_address_and_keeps_it() {
    let found = results(&[
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Paris", "since": "2019-05-01"}"#,
        ),
        ("fact_record", r#"{"subject": "sara", "attribute": "Home", "value": "paris"}"#),
        ("fact_record", r#"{"subject": "Sara", "attribute": "home", "value": "Lyon"}"#),
        ("fact_search", r#"{"subject": "Sara"}"#),
        ("fact_search", r#"{"attribute": "home", "on": "now"}"#),
        ("fact_search", r#"{"subject": "Sara", "on": "2020-01-01"}"#),
        ("fact_search", r#"{"subject": "Tom"}"#),
    ]);
    assert_eq!(
        found,
        [
            "Recorded: Sara, home: Paris, since 2019-05-01.",
            "That is known already, and was not written again: Sara, home: Paris, since 2019-05-01.",
            "Recorded: Sara, home: Lyon, since 2026-11-23. Before that it was Paris, which is kept.",
            "Page 1 of 1, 2 facts found.\n\
             {\"subject\":\"Sara\",\"attribute\":\"home\",\"value\":\"Paris\",\"since\":\"2019-05-01\",\"until\":\"2026-11-23\"}\n\
             {\"subject\":\"Sara\",\"attribute\":\"home\",\"value\":\"Lyon\",\"since\":\"2026-11-23\"}",
            "Page 1 of 1, 1 facts found.\n\
             {\"subject\":\"Sara\",\"attribute\":\"home\",\"value\":\"Lyon\",\"since\":\"2026-11-23\"}",
            "Page 1 of 1, 1 facts found.\n\
             {\"subject\":\"Sara\",\"attribute\":\"home\",\"value\":\"Paris\",\"since\":\"2019-05-01\",\"until\":\"2026-11-23\"}",
            "No facts found.",
        ]
    );
}

#[test]
fn a_value_since_today_supersedes_what_was_recorded_today() {
    let found = results(&[
        ("fact_record", r#"{"subject": "Sara", "attribute": "home", "value": "Paris"}"#),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Lyon", "since": "2026-11-23"}"#,
        ),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Nice", "since": "2026-11-23"}"#,
        ),
        ("fact_search", r#"{"on": "now"}"#),
    ]);
    assert_eq!(
        found,
        [
            "Recorded: Sara, home: Paris, since 2026-11-23.",
            "Recorded: Sara, home: Lyon, since 2026-11-23. Before that it was Paris, which is kept.",
            "Recorded: Sara, home: Nice, since 2026-11-23. Before that it was Lyon, which is kept.",
            "Page 1 of 1, 1 facts found.\n\
             {\"subject\":\"Sara\",\"attribute\":\"home\",\"value\":\"Nice\",\"since\":\"2026-11-23\"}",
        ]
    );
}

#[test]
fn contradictions_and_wrong_arguments_are_explained() {
    let found = results(&[
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Paris", "since": "2019-05-01"}"#,
        ),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Rome", "since": "2019-05-01"}"#,
        ),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "hobby", "value": "chess", "several": true}"#,
        ),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "hobby", "value": "judo", "several": true}"#,
        ),
        (
            "fact_record",
            r#"{"subject": "Sara", "attribute": "home", "value": "Nice", "since": "spring"}"#,
        ),
        ("fact_record", r#"{"subject": " ", "attribute": "home", "value": "Nice"}"#),
        ("fact_search", r#"{"page": 0}"#),
    ]);
    assert_eq!(
        found,
        [
            "Recorded: Sara, home: Paris, since 2019-05-01.",
            "Error: this contradicts what is recorded, so nothing was written: Sara, home: Paris, \
             since 2019-05-01. Say by `since` from which day on the new value holds, or ask the user \
             which is true",
            "Recorded: Sara, hobby: chess, since 2026-11-23.",
            "Recorded: Sara, hobby: judo, since 2026-11-23.",
            "Error: `since`: expected a day as 2026-11-23, got \"spring\"",
            "Error: `subject` is empty",
            "Error: pages count from 1",
        ]
    );
}

#[test]
fn a_fact_is_short() {
    let (name, value) = ("x".repeat(201), "x".repeat(2_001));
    let of = |subject: &str, attribute: &str, value: &str| {
        json!({"subject": subject, "attribute": attribute, "value": value}).to_string()
    };
    let found = results(&[
        ("fact_record", &of(&name, "home", "Lyon")),
        ("fact_record", &of("Sara", &name, "Lyon")),
        ("fact_record", &of("Sara", "home", &value)),
        ("fact_search", &json!({"subject": name}).to_string()),
    ]);
    let of = |name: &str, n: usize, limit: usize| {
        format!("Error: `{name}` holds {n} characters, and the limit is {limit}; make it shorter")
    };
    let names = ["subject", "attribute"].map(|name| of(name, 201, 200));
    let [subject, attribute] = names;
    assert_eq!(found, [subject.clone(), attribute, of("value", 2_001, 2_000), subject]);
}

#[test]
fn facts_need_their_permissions() {
    let granted = Permissions::all().without(Permission::WriteFacts);
    let agent = Agent::new(Script::new([])).with_permissions(granted).unwrap().with_facts();
    assert!(matches!(
        agent,
        Err(AgentError::PermissionNotGranted { permission: Permission::WriteFacts, .. })
    ));
}
