//! The heartbeat: what comes in goes back as it is.

use std::time::Duration;

use jupyter_zmq_client::KernelHeartbeatConnection;
use zeromq::{SocketRecv, SocketSend};

/// Echoes for as long as the kernel lives.
pub(super) async fn echo(mut connection: KernelHeartbeatConnection) {
    loop {
        match connection.socket.recv().await {
            // A client that has gone takes no echo; the next one shall.
            Ok(beat) => drop(connection.socket.send(beat).await),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
