//! All that the kernel says, in the order in which it was said.

use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::{JupyterMessage, JupyterMessageContent, Stdio, StreamContent};
use jupyter_zmq_client::RouterSendConnection;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::publisher::Publisher;
use super::worker::Shared;
use crate::session::Frontend;

/// Printed text is sent at once, and then at most once in this time.
const STREAM_INTERVAL: Duration = Duration::from_millis(10);
/// Printed text of this many bytes is sent without waiting for more.
const STREAM_BYTES: usize = 1 << 20;

/// A message and the channel that it leaves by.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// To all clients, on iopub.
    Broadcast(JupyterMessage),
    /// A reply on the shell channel.
    Shell(JupyterMessage),
    /// A reply on the control channel.
    Control(JupyterMessage),
    /// A question on the stdin channel.
    Stdin(JupyterMessage),
}

/// The sending halves of all channels but the heartbeat.
pub(super) struct Channels {
    pub(super) iopub: Publisher,
    pub(super) shell: RouterSendConnection,
    pub(super) control: RouterSendConnection,
    pub(super) stdin: RouterSendConnection,
}

/// Sends what comes through the queue until its last sender is gone.
pub(super) async fn send(
    mut queue: mpsc::Receiver<Outgoing>,
    mut channels: Channels,
    shared: Arc<Shared>,
) {
    // Printed text that waits for more of its kind.
    let mut printed: Option<JupyterMessage> = None;
    let mut next_flush = Instant::now();
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            () = tokio::time::sleep_until(next_flush), if printed.is_some() => {
                flush(&mut printed, &mut channels, &mut next_flush).await;
                continue;
            }
        };
        let message = match next {
            Some(Outgoing::Broadcast(message)) if is_stream(&message) => message,
            next => {
                flush(&mut printed, &mut channels, &mut next_flush).await;
                let Some(next) = next else { return };
                transmit(next, &mut channels, &shared).await;
                continue;
            }
        };
        if let Some(message) = merge(&mut printed, message) {
            flush(&mut printed, &mut channels, &mut next_flush).await;
            printed = Some(message);
        }
        if Instant::now() >= next_flush || length(&printed) >= STREAM_BYTES {
            flush(&mut printed, &mut channels, &mut next_flush).await;
        }
    }
}

async fn flush(
    printed: &mut Option<JupyterMessage>,
    channels: &mut Channels,
    next_flush: &mut Instant,
) {
    if let Some(message) = printed.take() {
        channels.iopub.send(&message).await;
        *next_flush = Instant::now() + STREAM_INTERVAL;
    }
}

async fn transmit(message: Outgoing, channels: &mut Channels, shared: &Shared) {
    match message {
        Outgoing::Broadcast(message) => channels.iopub.send(&message).await,
        Outgoing::Shell(message) => drop(channels.shell.send(message).await),
        Outgoing::Control(message) => drop(channels.control.send(message).await),
        Outgoing::Stdin(message) => {
            if channels.stdin.send(message).await.is_err() {
                // No one listens there: the cell must not wait for ever.
                shared.answer(String::new());
            }
        }
    }
}

fn is_stream(message: &JupyterMessage) -> bool {
    matches!(message.content, JupyterMessageContent::StreamContent(_))
}

fn length(printed: &Option<JupyterMessage>) -> usize {
    match printed.as_ref().map(|message| &message.content) {
        Some(JupyterMessageContent::StreamContent(stream)) => stream.text.len(),
        _ => 0,
    }
}

/// Adds printed text to what waits; gives it back when that came from another stream or cell.
fn merge(printed: &mut Option<JupyterMessage>, message: JupyterMessage) -> Option<JupyterMessage> {
    let Some(waiting) = printed else {
        *printed = Some(message);
        return None;
    };
    let parent = |message: &JupyterMessage| {
        message.parent_header.as_ref().map(|header| header.msg_id.clone())
    };
    if parent(waiting) != parent(&message) {
        return Some(message);
    }
    match (&mut waiting.content, &message.content) {
        (
            JupyterMessageContent::StreamContent(StreamContent { name: before, text }),
            JupyterMessageContent::StreamContent(StreamContent { name, text: more }),
        ) if matches!(
            (&*before, name),
            (Stdio::Stdout, Stdio::Stdout) | (Stdio::Stderr, Stdio::Stderr)
        ) =>
        {
            text.push_str(more);
            None
        }
        _ => Some(message),
    }
}

/// A frontend that keeps what is said, to be sent from an asynchronous task.
pub(super) struct Collected {
    said: Vec<Outgoing>,
    reply: fn(JupyterMessage) -> Outgoing,
}

impl Collected {
    /// Replies go to the shell channel.
    pub(super) fn shell() -> Self {
        Collected { said: Vec::new(), reply: Outgoing::Shell }
    }

    /// Replies go to the control channel.
    pub(super) fn control() -> Self {
        Collected { said: Vec::new(), reply: Outgoing::Control }
    }

    /// Puts everything into the queue.
    pub(super) async fn send(self, queue: &mpsc::Sender<Outgoing>) {
        for message in self.said {
            let _ = queue.send(message).await;
        }
    }
}

impl Frontend for Collected {
    fn publish(&mut self, message: JupyterMessage) {
        self.said.push(Outgoing::Broadcast(message));
    }

    fn reply(&mut self, message: JupyterMessage) {
        self.said.push((self.reply)(message));
    }

    fn ask(&mut self, _request: JupyterMessage) -> String {
        String::new()
    }

    fn next_comm(&mut self) -> Option<JupyterMessage> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::broadcast;

    #[test]
    fn only_text_of_the_same_stream_and_cell_merges() {
        let cell: JupyterMessage = jupyter_protocol::ExecuteRequest::default().into();
        let other: JupyterMessage = jupyter_protocol::ExecuteRequest::default().into();
        let mut printed = None;
        assert!(merge(&mut printed, broadcast(StreamContent::stdout("a"), &cell)).is_none());
        assert!(merge(&mut printed, broadcast(StreamContent::stdout("b"), &cell)).is_none());
        assert_eq!(length(&printed), 2);
        assert!(merge(&mut printed, broadcast(StreamContent::stderr("c"), &cell)).is_some());
        assert!(merge(&mut printed, broadcast(StreamContent::stdout("d"), &other)).is_some());
        let Some(JupyterMessageContent::StreamContent(stream)) = printed.map(|m| m.content) else {
            panic!("no stream")
        };
        assert_eq!(stream.text, "ab");
    }
}
