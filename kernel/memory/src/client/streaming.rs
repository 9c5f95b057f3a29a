//! Streaming for callers who are not asynchronous.

use std::sync::mpsc;

use super::{Client, ClientError};
use crate::message::{Piece, Reply, Request};
use crate::runtime::{self, RuntimeError};

enum News {
    Piece(Piece),
    End(Result<Reply, ClientError>),
}

impl Client {
    /// Sends a request, hands each piece of the reply to `on_piece` when it comes, and returns the
    /// whole. `on_piece` runs on the calling thread, so it may print to a notebook cell. If it
    /// panics, the request is cancelled.
    ///
    /// ```
    /// use momentum_memory::prelude::*;
    ///
    /// let client = Client::tutor()?;
    /// let request = Request::new(&[Message::user("What is my name?")], &[]);
    /// let mut shown = String::new();
    /// let reply = client.stream(&request, |piece| {
    ///     if let Piece::Text(text) = piece {
    ///         shown.push_str(&text); // or print!("{text}")
    ///     }
    /// })?;
    /// assert_eq!(reply.text, Some(shown));
    /// # Ok::<(), ClientError>(())
    /// ```
    ///
    /// # Errors
    /// [`ClientError`]; a stream that breaks off is [`ClientError::StreamCut`].
    pub fn stream(
        &self,
        request: &Request,
        mut on_piece: impl FnMut(Piece),
    ) -> Result<Reply, ClientError> {
        let (sender, receiver) = mpsc::channel();
        let (client, request) = (self.clone(), request.clone());
        let task = runtime::handle()?.spawn(async move {
            // The receiver is gone only when the caller has panicked, and then nobody listens.
            let on_piece = |piece| drop(sender.send(News::Piece(piece)));
            let end = client.stream_async(&request, on_piece).await;
            let _ = sender.send(News::End(end));
        });
        let task = Cancelled(task);
        for news in receiver {
            match news {
                News::Piece(piece) => on_piece(piece),
                News::End(end) => return end,
            }
        }
        drop(task);
        Err(RuntimeError::Lost.into())
    }
}

/// A task that ends when nobody waits for it.
struct Cancelled(tokio::task::JoinHandle<()>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.abort();
    }
}
