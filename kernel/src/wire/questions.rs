//! The thread that answers questions about code, while another runs the cells.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use jupyter_protocol::{ExecutionState, JupyterMessage, JupyterMessageContent, Status};
use tokio::sync::mpsc;

use super::outgoing::Outgoing;
use super::receive::Incoming;
use super::worker::Shared;
use crate::output::Assistant;
use crate::session::{Frontend, answer_question, broadcast};

/// Answers until there are no more questions.
pub(super) fn answer(
    mut assistant: Box<dyn Assistant>,
    questions: &Receiver<Box<Incoming>>,
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
) {
    let mut desk = Desk { shared, queue };
    for incoming in questions {
        answer_question(&incoming.message, &mut *assistant, &mut desk);
    }
}

struct Desk {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
}

impl Frontend for Desk {
    fn publish(&mut self, message: JupyterMessage) {
        let running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = is_idle(&message);
        let _ = self.queue.blocking_send(Outgoing::Broadcast(message));
        // Clients take the last status for the kernel's: one that runs a cell stays busy.
        if let (true, Some(cell)) = (idle, &*running) {
            let busy = broadcast(Status::busy(), cell);
            let _ = self.queue.blocking_send(Outgoing::Broadcast(busy));
        }
    }

    fn reply(&mut self, message: JupyterMessage) {
        let _ = self.queue.blocking_send(Outgoing::Shell(message));
    }

    fn ask(&mut self, _request: JupyterMessage) -> String {
        String::new()
    }

    fn next_comm(&mut self) -> Option<JupyterMessage> {
        None
    }
}

/// Whether a message says that a request has been dealt with.
pub(super) fn is_idle(message: &JupyterMessage) -> bool {
    matches!(
        &message.content,
        JupyterMessageContent::Status(status) if status.execution_state == ExecutionState::Idle
    )
}
