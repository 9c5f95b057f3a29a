//! What an agent talks to.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::client::{Client, ClientError};
use crate::message::{Piece, Reply, Request};
use crate::tutor::{self, RuleBasedTutor};

/// A reply on its way.
pub type PendingReply = Pin<Box<dyn Future<Output = Result<Reply, ClientError>> + Send>>;

/// A language model, or what stands for one: a [`Client`], as a rule. Tests and benchmarks put a
/// script in its place.
pub trait Model: Send + Sync {
    /// The model's name, by which tokens are counted.
    fn name(&self) -> &str;

    /// Which model this is, in words fit for display.
    fn describes(&self) -> String;

    /// The reply to a request. While it is being written, its pieces go to `pieces`, where the
    /// model can write in pieces and somebody listens. Dropping the future gives the request up.
    fn reply(
        self: Arc<Self>,
        request: Request,
        pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply;
}

impl Model for Client {
    fn name(&self) -> &str {
        self.model()
    }

    fn describes(&self) -> String {
        Client::describes(self)
    }

    fn reply(
        self: Arc<Self>,
        request: Request,
        pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply {
        Box::pin(async move {
            match pieces {
                None => self.complete_async(&request).await,
                // Nobody listens any more when the turn was cancelled.
                Some(pieces) => self.stream_async(&request, |piece| drop(pieces.send(piece))).await,
            }
        })
    }
}

/// The rule-based tutor, called directly and not over HTTP.
impl Model for RuleBasedTutor {
    fn name(&self) -> &str {
        tutor::MODEL
    }

    fn describes(&self) -> String {
        format!("rule-based tutor model `{}`, no language model, called directly", tutor::MODEL)
    }

    fn reply(
        self: Arc<Self>,
        request: Request,
        _pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply {
        Box::pin(async move { Ok(RuleBasedTutor.reply(&request)) })
    }
}
