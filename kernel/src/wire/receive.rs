//! From the bytes of a message to a request: signature, replay, header, content.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::time::Instant;

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{RawMessage, RouterRecvConnection};
use serde_json::Value;
use zeromq::{SocketRecv, ZmqError, ZmqMessage};

use crate::session::{RequestError, read_content};

/// The receiving half of a channel.
pub(super) type Receiver = RouterRecvConnection;

/// How many signatures are remembered.
const MEMORY: usize = 65_536;

/// A message of which the sender is known to hold the key.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The message; its content is [`UnknownMessage`] when there is a `problem`.
    pub(super) message: JupyterMessage,
    /// Why the content could not be read.
    pub(super) problem: Option<RequestError>,
    /// When it came.
    pub(super) received: Instant,
}

impl Incoming {
    /// Whether this asks who the kernel is.
    pub(super) fn is_kernel_info(&self) -> bool {
        matches!(self.message.content, JupyterMessageContent::KernelInfoRequest(_))
    }
}

impl Incoming {
    /// Whether this asks about code, and can be answered while a cell runs.
    pub(super) fn is_question(&self) -> bool {
        matches!(
            self.message.content,
            JupyterMessageContent::CompleteRequest(_) | JupyterMessageContent::InspectRequest(_)
        )
    }

    /// Whether this is a comm's message.
    pub(super) fn is_comm(&self) -> bool {
        matches!(
            self.message.content,
            JupyterMessageContent::CommOpen(_)
                | JupyterMessageContent::CommMsg(_)
                | JupyterMessageContent::CommClose(_)
        )
    }
}

/// Lets through what is signed with the connection's key, and that only once, on whichever channel.
#[derive(Debug, Default)]
pub(super) struct Verifier(Mutex<Signatures>);

/// Those that were good already.
#[derive(Debug, Default)]
struct Signatures {
    seen: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Verifier {
    /// The next good message; none when the socket has closed. Forged, replayed and unreadable
    /// messages get no answer, since nothing says who sent them.
    pub(super) async fn next(&self, connection: &mut Receiver) -> Option<Incoming> {
        loop {
            match connection.socket.recv().await {
                Ok(multipart) => {
                    let signature = signature(&multipart);
                    let Ok(raw) = RawMessage::from_multipart(multipart, &connection.mac) else {
                        continue;
                    };
                    if connection.mac.is_some() && !self.is_new(signature) {
                        continue;
                    }
                    if let Some(incoming) = parse(raw) {
                        return Some(incoming);
                    }
                }
                Err(ZmqError::NoMessage) => return None,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn is_new(&self, signature: Vec<u8>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(signature)
    }
}

impl Signatures {
    /// Whether a signature is seen for the first time.
    fn remember(&mut self, signature: Vec<u8>) -> bool {
        if !self.seen.insert(signature.clone()) {
            return false;
        }
        self.order.push_back(signature);
        if self.order.len() > MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

/// The frame behind the delimiter; in lower case, since the check takes either case.
fn signature(multipart: &ZmqMessage) -> Vec<u8> {
    let behind = multipart.iter().skip_while(|frame| &frame[..] != b"<IDS|MSG>").nth(1);
    behind.map(|frame| frame.to_ascii_lowercase()).unwrap_or_default()
}

fn parse(raw: RawMessage) -> Option<Incoming> {
    let RawMessage { zmq_identities, jparts } = raw;
    let header: Header = serde_json::from_slice(&jparts[0]).ok()?;
    let content = serde_json::from_slice(&jparts[3])
        .map_err(RequestError::from)
        .and_then(|content| read_content(&header.msg_type, content));
    let (content, problem) = match content {
        Ok(content) => (content, None),
        Err(problem) => {
            let msg_type = header.msg_type.clone();
            let content = Value::Object(serde_json::Map::new());
            (UnknownMessage { msg_type, content }.into(), Some(problem))
        }
    };
    let message = JupyterMessage {
        zmq_identities,
        header,
        parent_header: serde_json::from_slice(&jparts[1]).ok(),
        metadata: serde_json::from_slice(&jparts[2]).unwrap_or_default(),
        content,
        buffers: jparts[4..].to_vec(),
        channel: None,
    };
    Some(Incoming { message, problem, received: Instant::now() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_is_good_once() {
        let verifier = Verifier::default();
        assert!(verifier.is_new(b"a".to_vec()));
        assert!(verifier.is_new(b"b".to_vec()));
        assert!(!verifier.is_new(b"a".to_vec()));
    }

    #[test]
    fn the_memory_is_bounded() {
        let verifier = Verifier::default();
        for n in 0..MEMORY + 10 {
            assert!(verifier.is_new(n.to_le_bytes().to_vec()));
        }
        let kept = verifier.0.lock().unwrap();
        assert_eq!((kept.seen.len(), kept.order.len()), (MEMORY, MEMORY));
    }

    proptest! {
        #[test]
        fn outsiders_bytes_never_panic(parts in proptest::collection::vec(any::<Vec<u8>>(), 4..7)) {
            let jparts = parts.into_iter().map(Into::into).collect();
            let _ = parse(RawMessage { zmq_identities: Vec::new(), jparts });
        }
    }
}
