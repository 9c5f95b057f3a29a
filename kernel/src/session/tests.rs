//! The session against a fake interpreter: no sockets, no compiler.

use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use serde_json::{Value, json};

use super::*;

pub(crate) mod fake;

/// Writes down what is said, one line a message: channel, type, content.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    answer: String,
    comms: Vec<JupyterMessage>,
}

impl Notes {
    fn note(&mut self, channel: &str, message: &JupyterMessage) {
        let content = serde_json::to_value(&message.content).unwrap();
        // Sorted by name, since the typed media are hash maps.
        let content: std::collections::BTreeMap<String, Value> =
            serde_json::from_value(content).unwrap();
        let content = serde_json::to_string(&content).unwrap();
        self.lines.push(format!("{channel} {} {content}", message.header.msg_type));
    }
}

impl Frontend for Notes {
    fn publish(&mut self, message: JupyterMessage) {
        assert_eq!(message.zmq_identities[0], message.header.msg_type.as_bytes());
        assert!(message.parent_header.is_some());
        self.note("iopub", &message);
    }

    fn reply(&mut self, message: JupyterMessage) {
        assert_eq!(message.zmq_identities[0], b"client"[..]);
        self.note("shell", &message);
    }

    fn ask(&mut self, request: JupyterMessage) -> String {
        assert_eq!(request.zmq_identities[0], b"client"[..]);
        self.note("stdin", &request);
        self.answer.clone()
    }

    fn next_comm(&mut self) -> Option<JupyterMessage> {
        self.comms.pop()
    }
}

/// A session to which requests are put as JSON.
struct Talk {
    session: Session,
    interpreter: fake::Fake,
}

impl Talk {
    fn new() -> Self {
        let info = KernelInfo { version: "0.1.0".into(), language_version: "1.95.0".into() };
        Talk { session: Session::new(info), interpreter: fake::Fake::default() }
    }

    /// What is said to a request, without the busy and idle around it, which are checked here.
    fn say(&mut self, kind: &str, content: Value) -> (String, Next) {
        let mut notes = Notes { answer: "forty-two".into(), ..Notes::default() };
        let message = request(kind, content);
        let mut assistant = self.interpreter.assistant();
        let next = match answer_question(&message, &mut *assistant, &mut notes) {
            true => Next::Continue,
            false => self.session.handle(&message, &mut self.interpreter, &mut notes),
        };
        let busy = notes.lines.remove(0);
        assert_eq!(busy, r#"iopub status {"execution_state":"busy"}"#);
        let idle = notes.lines.pop().unwrap();
        assert_eq!(idle, r#"iopub status {"execution_state":"idle"}"#);
        (notes.lines.join("\n"), next)
    }

    fn run(&mut self, code: &str) -> String {
        self.say("execute_request", json!({"code": code})).0
    }
}

fn request(kind: &str, content: Value) -> JupyterMessage {
    let mut message = JupyterMessage::new(read_content(kind, content).unwrap(), None);
    message.zmq_identities = vec![b"client".to_vec().into()];
    message
}

#[test]
fn a_cell_shows_everything_in_order() {
    let said = Talk::new().run("print a\nwarn b\nshow d first\nclear\nupdate d second\nvalue 7");
    insta::assert_snapshot!(said, @r#"
    iopub execute_input {"code":"print a\nwarn b\nshow d first\nclear\nupdate d second\nvalue 7","execution_count":1}
    iopub stream {"name":"stdout","text":"a\n"}
    iopub stream {"name":"stderr","text":"b\n"}
    iopub display_data {"data":{"text/plain":"first"},"metadata":{},"transient":{"display_id":"d"}}
    iopub clear_output {"wait":true}
    iopub update_display_data {"data":{"text/plain":"second"},"metadata":{},"transient":{"display_id":"d"}}
    iopub execute_result {"data":{"text/plain":"7"},"execution_count":1,"metadata":{},"transient":{}}
    shell execute_reply {"execution_count":1,"payload":[],"status":"ok","user_expressions":{}}
    "#);
}

#[test]
fn a_failed_cell_aborts_those_behind_it() {
    let mut talk = Talk::new();
    let (said, next) = talk.say("execute_request", json!({"code": "fail x"}));
    insta::assert_snapshot!(said, @r#"
    iopub execute_input {"code":"fail x","execution_count":1}
    iopub error {"ename":"Error","evalue":"fail x","traceback":["Error: fail x"]}
    shell execute_reply {"ename":"Error","evalue":"fail x","execution_count":1,"payload":[],"status":"error","traceback":["Error: fail x"],"user_expressions":{}}
    "#);
    assert_eq!(next, Next::AbortQueued);
    let mut notes = Notes::default();
    talk.session.abort(&request("execute_request", json!({"code": "value 1"})), &mut notes);
    insta::assert_snapshot!(notes.lines[1], @r#"shell execute_reply {"execution_count":1,"payload":[],"status":"aborted","user_expressions":{}}"#);
    let content = json!({"code": "fail x", "stop_on_error": false});
    assert_eq!(talk.say("execute_request", content).1, Next::Continue);
}

#[test]
fn silent_and_blank_cells_leave_no_trace() {
    let mut talk = Talk::new();
    let silent = json!({"code": "print a\nvalue 1", "silent": true});
    insta::assert_snapshot!(talk.say("execute_request", silent).0, @r#"shell execute_reply {"execution_count":0,"payload":[],"status":"ok","user_expressions":{}}"#);
    let unkept = json!({"code": "value 1", "store_history": false});
    assert!(talk.say("execute_request", unkept).0.contains(r#""execution_count":1"#));
    talk.run("  \n");
    assert!(talk.run("value 2").contains(r#""execution_count":1"#));
    assert!(talk.run("value 2").contains(r#""execution_count":2"#));
}

#[test]
fn user_expressions_are_evaluated_after_the_cell() {
    let content = json!({"code": "", "user_expressions": {"b": "print x\nvalue 5", "a": "oops"}});
    let (said, _) = Talk::new().say("execute_request", content);
    let reply: Value = serde_json::from_str(
        said.lines()
            .last()
            .unwrap()
            .split_once('{')
            .map(|(_, r)| format!("{{{r}"))
            .unwrap()
            .as_str(),
    )
    .unwrap();
    assert_eq!(
        reply["user_expressions"],
        json!({
            "a": {"status": "error", "ename": "Error", "evalue": "oops", "traceback": ["Error: oops"]},
            "b": {"status": "ok", "data": {"text/plain": "5"}, "metadata": {}},
        })
    );
    assert!(!said.contains("stream"), "{said}");
}

#[test]
fn a_cell_asks_only_where_someone_answers() {
    let mut talk = Talk::new();
    let said = talk.run("password who? ");
    assert!(said.contains(r#"stdin input_request {"password":true,"prompt":"who? "}"#), "{said}");
    assert!(said.contains(r#"{"text/plain":"forty-two"}"#), "{said}");
    let (said, _) = talk.say("execute_request", json!({"code": "ask x", "allow_stdin": false}));
    assert!(!said.contains("stdin") && said.contains(r#"{"text/plain":""}"#), "{said}");
}

#[test]
fn cursors_count_code_points() {
    let mut talk = Talk::new();
    let (said, _) = talk.say("complete_request", json!({"code": "ask 𝕏é\npri", "cursor_pos": 10}));
    insta::assert_snapshot!(said, @r#"shell complete_reply {"cursor_end":10,"cursor_start":7,"matches":["print"],"metadata":{"_jupyter_types_experimental":[{"start":7,"end":10,"text":"print","type":"function","signature":"print TEXT"}]},"status":"ok"}"#);
    let (said, _) = talk.say("inspect_request", json!({"code": "é print", "cursor_pos": 7}));
    insta::assert_snapshot!(said, @r#"shell inspect_reply {"data":{"text/plain":"print TEXT: prints the text"},"found":true,"metadata":{},"status":"ok"}"#);
    let (said, _) = talk.say("inspect_request", json!({"code": "é print", "cursor_pos": 2}));
    assert!(said.contains(r#""found":false"#));
}

#[test]
fn consoles_learn_whether_to_go_on() {
    for (code, expected) in [
        ("value 1", r#"shell is_complete_reply {"indent":"","status":"complete"}"#),
        ("fn f() {", r#"shell is_complete_reply {"indent":"    ","status":"incomplete"}"#),
        ("}", r#"shell is_complete_reply {"indent":"","status":"invalid"}"#),
    ] {
        assert_eq!(Talk::new().say("is_complete_request", json!({"code": code})).0, expected);
    }
}

#[test]
fn history_by_range_tail_and_search() {
    let mut talk = Talk::new();
    for code in ["value 1", "print a", "value 1"] {
        talk.run(code);
    }
    let mut check = |content: Value, expected: &str| {
        let (said, _) = talk.say("history_request", content);
        let expected = format!(r#"shell history_reply {{"history":{expected},"status":"ok"}}"#);
        assert_eq!(said, expected);
    };
    check(
        json!({"hist_access_type": "range", "session": 0, "start": 2, "stop": 3}),
        r#"[[0,2,"print a"]]"#,
    );
    check(
        json!({"hist_access_type": "tail", "n": 2, "output": true}),
        r#"[[0,2,["print a",""]],[0,3,["value 1","1"]]]"#,
    );
    check(
        json!({"hist_access_type": "search", "pattern": "value*", "unique": true, "n": 5}),
        r#"[[0,3,"value 1"]]"#,
    );
    check(json!({"hist_access_type": "range", "session": -1, "start": 0}), "[]");
}

#[test]
fn comms_without_a_target_are_closed() {
    let content = json!({"comm_id": "c1", "target_name": "widget", "data": {}});
    assert_eq!(
        Talk::new().say("comm_open", content).0,
        r#"iopub comm_close {"comm_id":"c1","data":{}}"#
    );
    assert_eq!(
        Talk::new().say("comm_info_request", json!({})).0,
        r#"shell comm_info_reply {"comms":{},"status":"ok"}"#
    );
    assert_eq!(Talk::new().say("comm_msg", json!({"comm_id": "c1"})).0, "");
}

#[test]
fn a_cells_target_hears_and_answers() {
    let mut talk = Talk::new();
    assert!(!talk.run("target echo").contains("comm"));
    let open = json!({"comm_id": "c1", "target_name": "echo", "data": {"n": 1}});
    let said = r#"iopub comm_msg {"comm_id":"c1","data":{"n":1}}"#;
    assert_eq!(talk.say("comm_open", open).0, said);
    let info = r#"shell comm_info_reply {"comms":{"c1":{"target_name":"echo"}},"status":"ok"}"#;
    assert_eq!(talk.say("comm_info_request", json!({"target_name": "echo"})).0, info);
    let none = r#"shell comm_info_reply {"comms":{},"status":"ok"}"#;
    assert_eq!(talk.say("comm_info_request", json!({"target_name": "other"})).0, none);
    let said = r#"iopub comm_msg {"comm_id":"c1","data":{"n":2}}"#;
    assert_eq!(talk.say("comm_msg", json!({"comm_id": "c1", "data": {"n": 2}})).0, said);
    talk.say("comm_close", json!({"comm_id": "c1"}));
    assert_eq!(talk.say("comm_info_request", json!({})).0, none);
}

#[test]
fn a_cell_that_waits_gets_the_next_message_of_its_comm() {
    let mut talk = Talk::new();
    assert!(
        talk.run("open c2").contains(
            r#"iopub comm_open {"comm_id":"c2","data":{},"target_name":"jupyter.widget"}"#
        )
    );
    let comms = vec![
        request("comm_msg", json!({"comm_id": "c2", "data": {"n": 5}})),
        request("comm_msg", json!({"comm_id": "unknown", "data": {}})),
    ];
    let mut notes = Notes { comms, ..Notes::default() };
    let cell = request("execute_request", json!({"code": "hear"}));
    talk.session.handle(&cell, &mut talk.interpreter, &mut notes);
    let said = notes.lines.join("\n");
    assert!(said.contains(r#"{"data":{"text/plain":"{\"n\":5}"}"#), "{said}");
    // Both messages were dealt with, and then the cell was busy again.
    assert_eq!(said.matches(r#""idle""#).count(), 3, "{said}");
    assert_eq!(said.matches(r#""busy""#).count(), 5, "{said}");
    assert!(talk.run("hear").contains(r#""text/plain":"nothing""#));
}

#[test]
fn the_kernel_says_who_it_is() {
    let (said, _) = Talk::new().say("kernel_info_request", json!({}));
    for part in [
        r#""protocol_version":"5.5""#,
        r#""implementation":"momentum""#,
        r#""name":"rust""#,
        r#""version":"1.95.0""#,
        r#""file_extension":".rs""#,
        r#""supported_features":[]"#,
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn shutdown_on_shell_ends_the_session() {
    let (said, next) = Talk::new().say("shutdown_request", json!({"restart": true}));
    assert_eq!(said, r#"shell shutdown_reply {"restart":true,"status":"ok"}"#);
    assert_eq!(next, Next::Shutdown);
}

#[test]
fn what_is_not_understood_is_answered_with_an_error() {
    let (said, _) = Talk::new().say("dance_request", json!({"steps": 3}));
    insta::assert_snapshot!(said, @r#"shell dance_reply {"ename":"RequestError","evalue":"dance_request: the shell channel has no such request","status":"error","traceback":[]}"#);
    let (said, _) = Talk::new().say("dance", json!({}));
    assert_eq!(said, "");
}

#[test]
fn control_acts_before_it_answers() {
    let info = KernelInfo { version: "0.1.0".into(), language_version: "1.95.0".into() };
    let mut notes = Notes::default();
    let mut acted = Vec::new();
    for (kind, content) in [("interrupt_request", json!({})), ("shutdown_request", json!({}))] {
        answer_control(&info, &request(kind, content), &mut notes, &mut |action| {
            acted.push(action)
        });
    }
    assert_eq!(acted, [ControlAction::Interrupt, ControlAction::Shutdown]);
    insta::assert_snapshot!(notes.lines.join("\n"), @r#"
    iopub status {"execution_state":"busy"}
    shell interrupt_reply {"status":"ok"}
    iopub status {"execution_state":"idle"}
    iopub status {"execution_state":"busy"}
    iopub shutdown_reply {"restart":false,"status":"ok"}
    shell shutdown_reply {"restart":false,"status":"ok"}
    iopub status {"execution_state":"idle"}
    "#);
}

#[test]
fn a_reply_is_bound_to_its_request() {
    let mut notes = Vec::new();
    struct Keep<'a>(&'a mut Vec<JupyterMessage>);
    impl Frontend for Keep<'_> {
        fn publish(&mut self, _message: JupyterMessage) {}
        fn reply(&mut self, message: JupyterMessage) {
            self.0.push(message);
        }
        fn ask(&mut self, _request: JupyterMessage) -> String {
            String::new()
        }
        fn next_comm(&mut self) -> Option<JupyterMessage> {
            None
        }
    }
    let asked = request("kernel_info_request", json!({}));
    let mut talk = Talk::new();
    talk.session.handle(&asked, &mut talk.interpreter, &mut Keep(&mut notes));
    let reply = &notes[0];
    assert_eq!(reply.parent_header.as_ref().unwrap().msg_id, asked.header.msg_id);
    assert_eq!(reply.header.version, PROTOCOL_VERSION);
    assert!(!matches!(reply.content, JupyterMessageContent::KernelInfoRequest(_)));
}

#[test]
fn a_question_mark_asks_for_documentation() {
    let mut talk = Talk::new();
    let (said, _) = talk.say("execute_request", json!({"code": "?print"}));
    assert!(said.contains(r#""start":0"#) && said.contains("prints the text"), "{said}");
    assert!(said.contains(r#""source":"page""#) && said.contains(r#""status":"ok""#), "{said}");
    let (said, next) = talk.say("execute_request", json!({"code": "? no_such_name"}));
    assert!(said.contains("nothing is known of `no_such_name`"), "{said}");
    assert_eq!(next, Next::AbortQueued);
}
