//! The control channel: what has to be answered while a cell runs.

use jupyter_protocol::{
    InterruptReply, JupyterMessage, JupyterMessageContent, ShutdownReply, Status,
};

use super::{Frontend, KernelInfo, answer, answer_kernel_info, broadcast, refusal};

/// What a control request asks of the kernel, besides its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlAction {
    /// Nothing more.
    None,
    /// Stop the running cell.
    Interrupt,
    /// End the kernel.
    Shutdown,
}

/// Answers a request from the control channel. `act` is called before the reply is sent, so that
/// a client which has the reply knows that the running cell has been told to stop.
pub fn answer_control(
    info: &KernelInfo,
    request: &JupyterMessage,
    frontend: &mut dyn Frontend,
    act: &mut dyn FnMut(ControlAction),
) -> ControlAction {
    if matches!(request.content, JupyterMessageContent::KernelInfoRequest(_)) {
        answer_kernel_info(info, request, frontend);
        return ControlAction::None;
    }
    frontend.publish(broadcast(Status::busy(), request));
    let (action, reply) = match &request.content {
        JupyterMessageContent::InterruptRequest(_) => {
            (ControlAction::Interrupt, Some(InterruptReply::new().into()))
        }
        JupyterMessageContent::ShutdownRequest(ask) => {
            let reply = ShutdownReply { restart: ask.restart, ..ShutdownReply::default() };
            // Broadcast too, so that every other client learns of it.
            frontend.publish(broadcast(reply.clone(), request));
            (ControlAction::Shutdown, Some(reply.into()))
        }
        other => (ControlAction::None, refusal(other, "the control channel has no such request")),
    };
    act(action);
    if let Some(reply) = reply {
        frontend.reply(answer(reply, request));
    }
    frontend.publish(broadcast(Status::idle(), request));
    action
}
