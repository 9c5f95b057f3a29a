//! The iopub socket, with back-pressure.
//!
//! ZeroMQ queues what a client has not taken yet, without a bound that counts bytes. Here a cell
//! that prints faster than its clients read has to wait once [`LIMIT`] bytes are queued, so that
//! a large output passes whole, and the kernel's memory stays small.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::KernelIoPubConnection;
use tokio::sync::Notify;
use zeromq::{SocketSend, ZmqMessage};

/// How many bytes may wait for the clients.
const LIMIT: usize = 32 << 20;
/// A client that takes nothing for so long is taken to have stopped: it holds up each message this
/// long, and no longer.
const STALL: Duration = Duration::from_secs(5);

/// What the socket holds.
#[derive(Debug, Default)]
struct Held {
    bytes: AtomicUsize,
    freed: Notify,
}

/// A message's content that says when the socket lets go of it.
struct Counted {
    content: Vec<u8>,
    held: Arc<Held>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.content.len(), Ordering::AcqRel);
        self.held.freed.notify_one();
    }
}

/// Broadcasts to all clients.
pub(super) struct Publisher {
    connection: KernelIoPubConnection,
    held: Arc<Held>,
}

impl Publisher {
    pub(super) fn new(connection: KernelIoPubConnection) -> Self {
        Publisher { connection, held: Arc::default() }
    }

    /// Sends a message, after those before it have left room.
    pub(super) async fn send(&mut self, message: &JupyterMessage) {
        let Ok(message) = self.frames(message) else { return };
        while self.held.bytes.load(Ordering::Acquire) > LIMIT {
            if tokio::time::timeout(STALL, self.held.freed.notified()).await.is_err() {
                break;
            }
        }
        // A client that has gone is no reason to stop.
        let _ = self.connection.socket.send(message).await;
    }

    /// The message as frames: topic, delimiter, signature, the four parts, buffers.
    fn frames(&self, message: &JupyterMessage) -> serde_json::Result<ZmqMessage> {
        let parent = match &message.parent_header {
            Some(parent) => serde_json::to_vec(parent)?,
            None => b"{}".to_vec(),
        };
        let parts = [
            serde_json::to_vec(&message.header)?,
            parent,
            serde_json::to_vec(&message.metadata)?,
            serde_json::to_vec(&message.content)?,
        ];
        let signature = self.connection.mac.as_ref().map_or_else(String::new, |key| {
            let mut context = ring::hmac::Context::with_key(key);
            parts.iter().for_each(|part| context.update(part));
            context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        });
        let mut frames: Vec<Bytes> = message.zmq_identities.clone();
        frames.push(Bytes::from_static(b"<IDS|MSG>"));
        frames.push(signature.into());
        let [header, parent, metadata, content] = parts;
        frames.extend([header, parent, metadata].map(Bytes::from));
        self.held.bytes.fetch_add(content.len(), Ordering::AcqRel);
        frames.push(Bytes::from_owner(Counted { content, held: Arc::clone(&self.held) }));
        frames.extend(message.buffers.iter().cloned());
        // Only a message without frames is refused.
        ZmqMessage::try_from(frames).map_err(|error| serde::ser::Error::custom(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_socket_lets_go_of_no_longer_counts() {
        let held = Arc::new(Held::default());
        held.bytes.fetch_add(3, Ordering::AcqRel);
        let bytes = Bytes::from_owner(Counted { content: vec![1, 2, 3], held: Arc::clone(&held) });
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(held.bytes.load(Ordering::Acquire), 3);
        drop(copy);
        assert_eq!(held.bytes.load(Ordering::Acquire), 0);
    }
}
