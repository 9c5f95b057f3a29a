//! Serving the site on this machine, with pages that reload themselves.
//!
//! The server reads the files of the last good site and adds one script to each page as it is
//! sent; the files stay as they are. Only programs on this machine reach it: it is bound to the
//! loopback interface, and a request that names another host is refused, so that a page of the web
//! cannot read the journal through a name of its own (DNS rebinding).

mod http;
mod live;
mod page;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use live::Live;
pub use live::LiveEvent;
pub use watch::{Changes, Watch, WatchError};

/// Why the site is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is taken, or may not be used.
    #[error(
        "port {port} of this machine cannot be used; name another by --port, or 0 for any that is free"
    )]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// No thread to serve with.
    #[error("the server cannot be started")]
    Start(#[source] std::io::Error),
}

/// A server, until it is dropped.
///
/// ```
/// use momentum_journal::{LiveEvent, Server};
/// let site = tempfile::tempdir()?;
/// let server = Server::start(site.path().to_owned(), 0)?;
/// assert!(server.address().ip().is_loopback());
/// server.publish(LiveEvent::Built { changed: vec!["index.html".into()] });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    live: Arc<Live>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Serves the folder of a site at `http://127.0.0.1:port/`; port 0 stands for any that is free.
    ///
    /// # Errors
    /// [`ServeError`]: the port is taken.
    pub fn start(site: PathBuf, port: u16) -> Result<Server, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("momentum-serve")
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let refused = |source| ServeError::Listen { port, source };
        let listener =
            runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let live = Arc::new(Live::default());
        runtime.spawn(http::accept(listener, Arc::new(site), Arc::clone(&live), address.port()));
        Ok(Server { address, live, runtime: Some(runtime) })
    }

    /// Where it is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells every open page what has happened.
    pub fn publish(&self, event: LiveEvent) {
        self.live.publish(&event);
    }

    /// Calls `stop` once this process is asked to end, by the keyboard or by a signal.
    pub fn on_interrupt(&self, stop: impl FnOnce() + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                interrupted().await;
                stop();
            });
        }
    }
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Open pages hold connections that never end by themselves.
            runtime.shutdown_timeout(Duration::from_millis(200));
        }
    }
}

#[cfg(test)]
mod tests;
