//! The wire over real sockets on loopback, with a fake interpreter.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::JoinHandle;
use std::time::Duration;

use jupyter_protocol::{
    ConnectionInfo, ExecuteRequest, ExecutionState, InputReply, InterruptRequest, JupyterMessage,
    JupyterMessageContent, KernelInfoRequest, ReplyStatus, ShutdownRequest, Transport,
};
use jupyter_zmq_client::{
    ClientControlConnection, ClientHeartbeatConnection, ClientIoPubConnection,
    ClientShellConnection, ClientStdinConnection, create_client_control_connection,
    create_client_heartbeat_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    peek_ports_with_listeners, peer_identity_for_session,
};
use tokio::time::timeout;
use zeromq::{SocketRecv, SocketSend};

use super::*;
use crate::session::tests::fake::Fake;

/// Long enough for any machine: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Client {
    shell: ClientShellConnection,
    control: ClientControlConnection,
    stdin: ClientStdinConnection,
    iopub: ClientIoPubConnection,
    heartbeat: ClientHeartbeatConnection,
    info: ConnectionInfo,
    kernel: JoinHandle<Result<(), WireError>>,
    _folder: tempfile::TempDir,
}

impl Client {
    async fn start() -> Self {
        Self::start_with(|| Ok(Box::<Fake>::default() as Box<dyn Interpreter>)).await
    }

    async fn start_with(
        make: impl FnOnce() -> Result<Box<dyn Interpreter>, BoxError> + Send + 'static,
    ) -> Self {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (ports, listeners) = peek_ports_with_listeners(ip, 5).await.unwrap();
        let info = ConnectionInfo {
            ip: "127.0.0.1".into(),
            transport: Transport::TCP,
            shell_port: ports[0],
            iopub_port: ports[1],
            stdin_port: ports[2],
            control_port: ports[3],
            hb_port: ports[4],
            key: "a key of this test".into(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connection.json");
        std::fs::write(&file, serde_json::to_string(&info).unwrap()).unwrap();
        drop(listeners);
        let about = KernelInfo { version: "0.1.0".into(), language_version: "1.95.0".into() };
        let kernel = std::thread::spawn(move || serve(&file, about, make));
        // Connecting fails until the kernel has bound its sockets.
        let heartbeat = loop {
            match create_client_heartbeat_connection(&info).await {
                Ok(connection) => break connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let identity = || peer_identity_for_session("client").unwrap();
        let mut client = Client {
            shell: create_client_shell_connection_with_identity(&info, "client", identity())
                .await
                .unwrap(),
            control: create_client_control_connection(&info, "client").await.unwrap(),
            stdin: create_client_stdin_connection_with_identity(&info, "client", identity())
                .await
                .unwrap(),
            iopub: create_client_iopub_connection(&info, "", "client").await.unwrap(),
            heartbeat,
            info,
            kernel,
            _folder: folder,
        };
        // The subscription counts from some message on: ask until its idle is heard.
        loop {
            let id = client.ask(KernelInfoRequest {}).await;
            client.reply().await;
            if timeout(Duration::from_millis(200), client.until_idle(&id)).await.is_ok() {
                return client;
            }
        }
    }

    async fn ask(&mut self, content: impl Into<JupyterMessage>) -> String {
        let message = content.into();
        let id = message.header.msg_id.clone();
        self.shell.send(message).await.unwrap();
        id
    }

    async fn run(&mut self, code: &str) -> String {
        let request = ExecuteRequest { allow_stdin: true, ..ExecuteRequest::new(code.into()) };
        self.ask(request).await
    }

    async fn reply(&mut self) -> JupyterMessageContent {
        timeout(PATIENCE, self.shell.read()).await.expect("no reply").unwrap().content
    }

    async fn reply_status(&mut self) -> (ReplyStatus, String) {
        match self.reply().await {
            JupyterMessageContent::ExecuteReply(reply) => {
                (reply.status, reply.error.map(|error| error.ename).unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    /// What is published for a request, from its busy to its idle, both left out.
    async fn until_idle(&mut self, id: &str) -> Vec<JupyterMessageContent> {
        let mut published = Vec::new();
        loop {
            let message = self.iopub.read().await.unwrap();
            if message.parent_header.is_none_or(|parent| parent.msg_id != id) {
                continue;
            }
            match message.content {
                JupyterMessageContent::Status(status) => match status.execution_state {
                    ExecutionState::Idle => return published,
                    state => assert_eq!(state, ExecutionState::Busy),
                },
                content => published.push(content),
            }
        }
    }

    async fn published(&mut self, id: &str) -> Vec<JupyterMessageContent> {
        timeout(PATIENCE, self.until_idle(id)).await.expect("no idle")
    }

    async fn on_control(&mut self, content: impl Into<JupyterMessage>) -> JupyterMessageContent {
        self.control.send(content.into()).await.unwrap();
        timeout(PATIENCE, self.control.read()).await.expect("no reply on control").unwrap().content
    }

    async fn shutdown(mut self) -> Result<(), WireError> {
        let reply = self.on_control(ShutdownRequest { restart: false }).await;
        assert!(matches!(reply, JupyterMessageContent::ShutdownReply(_)), "{reply:?}");
        tokio::task::spawn_blocking(|| self.kernel.join().unwrap()).await.unwrap()
    }
}

fn printed(published: &[JupyterMessageContent]) -> String {
    let text = |content: &JupyterMessageContent| match content {
        JupyterMessageContent::StreamContent(stream) => Some(stream.text.clone()),
        _ => None,
    };
    published.iter().filter_map(text).collect()
}

#[tokio::test]
async fn a_hundred_thousand_lines_arrive_in_order() {
    let mut client = Client::start().await;
    let id = client.run("flood 100000").await;
    let published = client.published(&id).await;
    let expected: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    assert_eq!(printed(&published), expected);
    assert!(published.len() < 50_000, "{} messages", published.len());
    assert_eq!(client.reply_status().await.0, ReplyStatus::Ok);
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn fifty_megabytes_pass() {
    let mut client = Client::start().await;
    let id = client.run("big 50000000\nvalue done").await;
    let published = client.published(&id).await;
    assert_eq!(printed(&published).len(), 50_000_000);
    assert!(matches!(published.last(), Some(JupyterMessageContent::ExecuteResult(_))));
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn interrupt_and_heartbeat_work_while_a_cell_runs() {
    let mut client = Client::start().await;
    let id = client.run("wait").await;
    for _ in 0..3 {
        timeout(PATIENCE, client.heartbeat.single_heartbeat()).await.unwrap().unwrap();
    }
    // The cell may not have begun when the first interrupt comes.
    let status = loop {
        client.on_control(InterruptRequest {}).await;
        match timeout(Duration::from_millis(200), client.shell.read()).await {
            Ok(reply) => break reply.unwrap().content,
            Err(_) => continue,
        }
    };
    let JupyterMessageContent::ExecuteReply(reply) = status else { panic!("{status:?}") };
    assert_eq!(reply.error.unwrap().ename, "KeyboardInterrupt");
    client.published(&id).await;
    let id = client.run("value 1").await;
    assert_eq!(client.reply_status().await.0, ReplyStatus::Ok);
    client.published(&id).await;
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_heartbeat_comes_back_as_it_was() {
    let mut client = Client::start().await;
    for beat in ["ping", "another"] {
        client.heartbeat.socket.send(beat.into()).await.unwrap();
        let echo = timeout(PATIENCE, client.heartbeat.socket.recv()).await.unwrap().unwrap();
        assert_eq!(echo.get(0).unwrap()[..], *beat.as_bytes());
    }
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_cell_asks_its_user() {
    let mut client = Client::start().await;
    client.run("ask name? ").await;
    let question = timeout(PATIENCE, client.stdin.read()).await.unwrap().unwrap();
    let JupyterMessageContent::InputRequest(request) = &question.content else {
        panic!("{question:?}")
    };
    assert_eq!((request.prompt.as_str(), request.password), ("name? ", false));
    let answer = InputReply { value: "Ada".into(), ..InputReply::default() };
    client.stdin.send(answer.as_child_of(&question)).await.unwrap();
    assert_eq!(client.reply_status().await.0, ReplyStatus::Ok);
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_interrupt_frees_a_cell_that_asks() {
    let mut client = Client::start().await;
    client.run("ask name? \nwait").await;
    timeout(PATIENCE, client.stdin.read()).await.unwrap().unwrap();
    loop {
        client.on_control(InterruptRequest {}).await;
        if let Ok(reply) = timeout(Duration::from_millis(200), client.shell.read()).await {
            assert!(matches!(reply.unwrap().content, JupyterMessageContent::ExecuteReply(_)));
            break;
        }
    }
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn cells_behind_a_failed_one_are_aborted() {
    let mut client = Client::start().await;
    client.run("wait").await;
    client.run("value 1").await;
    client.ask(KernelInfoRequest {}).await;
    loop {
        client.on_control(InterruptRequest {}).await;
        match timeout(Duration::from_millis(200), client.shell.read()).await {
            Ok(reply) => {
                let content = reply.unwrap().content;
                assert!(matches!(content, JupyterMessageContent::ExecuteReply(_)), "{content:?}");
                break;
            }
            Err(_) => continue,
        }
    }
    assert_eq!(client.reply_status().await.0, ReplyStatus::Aborted);
    // What is no cell is answered all the same.
    assert!(matches!(client.reply().await, JupyterMessageContent::KernelInfoReply(_)));
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn forged_and_replayed_messages_get_no_answer() {
    let mut client = Client::start().await;
    // Signed with another key.
    let mut forger = create_client_shell_connection_with_identity(
        &ConnectionInfo { key: "a guess".into(), ..client.info.clone() },
        "forger",
        peer_identity_for_session("forger").unwrap(),
    )
    .await
    .unwrap();
    forger.send(ExecuteRequest::new("value 1".into()).into()).await.unwrap();
    // Recorded from a good client, sent again.
    let message: JupyterMessage = ExecuteRequest::new("value 2".into()).into();
    client.shell.send(message.clone()).await.unwrap();
    assert_eq!(client.reply_status().await.0, ReplyStatus::Ok);
    client.shell.send(message).await.unwrap();
    // Recorded on one channel, sent again on another.
    let message: JupyterMessage = KernelInfoRequest {}.into();
    client.on_control(message.clone()).await;
    client.shell.send(message).await.unwrap();
    // Rubbish.
    client.shell.socket.send("no frames".into()).await.unwrap();

    let request = ExecuteRequest::new("value 3".into());
    client.ask(request).await;
    let JupyterMessageContent::ExecuteReply(reply) = client.reply().await else { panic!() };
    // Had either of them run, this would not be the second.
    assert_eq!(reply.execution_count.0, 2);
    assert!(timeout(Duration::from_millis(100), forger.read()).await.is_err());
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_kernel_answers_while_the_interpreter_starts() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    // `start_with` returns only after kernel_info has been answered.
    let mut client = Client::start_with(move || {
        let _ = wait.recv();
        Ok(Box::<Fake>::default())
    })
    .await;
    let id = client.run("value 1").await;
    go.send(()).unwrap();
    assert_eq!(client.reply_status().await.0, ReplyStatus::Ok);
    client.published(&id).await;
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_failed_start_is_told_at_each_cell_and_at_the_end() {
    let mut client = Client::start_with(|| Err("rustc was not found".into())).await;
    for _ in 0..2 {
        let id = client.run("value 1").await;
        assert_eq!(client.reply_status().await, (ReplyStatus::Error, "KernelStartError".into()));
        client.published(&id).await;
    }
    let error = client.shutdown().await.unwrap_err();
    let WireError::Interpreter { source } = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "rustc was not found");
}

#[tokio::test]
async fn shutdown_stops_a_running_cell() {
    let mut client = Client::start().await;
    client.run("wait").await;
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_panic_of_the_interpreter_ends_the_kernel() {
    let mut client = Client::start().await;
    client.run("panic").await;
    let error = tokio::task::spawn_blocking(|| client.kernel.join().unwrap()).await.unwrap();
    assert!(matches!(error, Err(WireError::WorkerPanicked)), "{error:?}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let info = serde_json::json!({
        "ip": "127.0.0.1", "transport": "tcp", "shell_port": port, "iopub_port": 0,
        "stdin_port": 0, "control_port": 0, "hb_port": 0, "key": "", "signature_scheme": "",
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connection.json");
    std::fs::write(&file, info.to_string()).unwrap();
    let about = KernelInfo { version: "0.1.0".into(), language_version: "1.95.0".into() };
    let error = serve(&file, about, || Ok(Box::<Fake>::default())).unwrap_err();
    let expected = format!("cannot open the shell socket at tcp://127.0.0.1:{port}");
    assert!(error.to_string().starts_with(&expected), "{error}");
}
