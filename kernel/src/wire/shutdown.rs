//! What the operating system has to say: signals, and the end of the process that started us.

use std::sync::Arc;

use super::worker::Shared;

/// Returns when the kernel should end: at SIGTERM, or when the Jupyter server that started it is
/// gone without having said so. SIGINT stops the running cell only.
#[cfg(unix)]
pub(super) async fn asked_by_system(shared: Arc<Shared>) {
    use tokio::signal::unix::{SignalKind, signal};

    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let interrupt = async {
        if let Ok(mut signals) = signal(SignalKind::interrupt()) {
            while signals.recv().await.is_some() {
                let shared = Arc::clone(&shared);
                let _ = tokio::task::spawn_blocking(move || shared.interrupt()).await;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = terminate => {}
        () = interrupt => {}
        () = parent_ends() => {}
    }
}

/// Watches the process that Jupyter names in `JPY_PARENT_PID`, when that is our parent.
#[cfg(unix)]
async fn parent_ends() {
    let named = std::env::var("JPY_PARENT_PID").ok().and_then(|pid| pid.parse().ok());
    let parent = std::os::unix::process::parent_id();
    if named != Some(parent) {
        std::future::pending::<()>().await;
    }
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// Elsewhere only clients end the kernel.
#[cfg(not(unix))]
pub(super) async fn asked_by_system(_shared: Arc<Shared>) {
    std::future::pending::<()>().await;
}
