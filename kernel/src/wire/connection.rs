//! The connection file, and the sockets that it describes.

use std::path::Path;

use jupyter_protocol::ConnectionInfo;
use jupyter_zmq_client::{
    KernelControlConnection, KernelHeartbeatConnection, KernelIoPubConnection,
    KernelShellConnection, KernelStdinConnection, RuntimeError, create_kernel_control_connection,
    create_kernel_heartbeat_connection, create_kernel_iopub_connection,
    create_kernel_shell_connection, create_kernel_stdin_connection,
};

use super::WireError;

/// Reads a connection file.
pub(super) fn read(path: &Path) -> Result<ConnectionInfo, WireError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| WireError::ReadConnection { path: path.to_owned(), source })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<ConnectionInfo, WireError> {
    let info: ConnectionInfo =
        serde_json::from_str(text).map_err(|source| WireError::ParseConnection {
            path: path.to_owned(),
            line: source.line(),
            column: source.column(),
            source,
        })?;
    if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
        let scheme = info.signature_scheme;
        return Err(WireError::SignatureScheme { path: path.to_owned(), scheme });
    }
    Ok(info)
}

/// A kernel's five sockets, bound.
pub(super) struct Sockets {
    pub(super) shell: KernelShellConnection,
    pub(super) control: KernelControlConnection,
    pub(super) stdin: KernelStdinConnection,
    pub(super) iopub: KernelIoPubConnection,
    pub(super) heartbeat: KernelHeartbeatConnection,
}

impl Sockets {
    pub(super) async fn bind(info: &ConnectionInfo) -> Result<Self, WireError> {
        // One kernel process is one session.
        let session = jupyter_protocol::JupyterMessage::from(jupyter_protocol::Status::starting())
            .header
            .session;
        let failed = |channel, endpoint| {
            move |source: RuntimeError| WireError::Bind {
                channel,
                endpoint,
                source: Box::new(source),
            }
        };
        Ok(Sockets {
            shell: create_kernel_shell_connection(info, &session)
                .await
                .map_err(failed("shell", info.shell_url()))?,
            control: create_kernel_control_connection(info, &session)
                .await
                .map_err(failed("control", info.control_url()))?,
            stdin: create_kernel_stdin_connection(info, &session)
                .await
                .map_err(failed("stdin", info.stdin_url()))?,
            iopub: create_kernel_iopub_connection(info, &session)
                .await
                .map_err(failed("iopub", info.iopub_url()))?,
            heartbeat: create_kernel_heartbeat_connection(info)
                .await
                .map_err(failed("heartbeat", info.hb_url()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let error = parse(text, Path::new("kernel-1.json")).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_broken_file_is_named_with_its_place() {
        check(
            "{\n  \"ip\": 5}",
            "kernel-1.json:2:9: not a Jupyter connection file: \
             invalid type: integer `5`, expected a string at line 2 column 9",
        );
        let scheme = r#"{"ip":"127.0.0.1","transport":"tcp","shell_port":1,"iopub_port":2,
            "stdin_port":3,"control_port":4,"hb_port":5,"key":"k","signature_scheme":"hmac-md5"}"#;
        check(
            scheme,
            "kernel-1.json: unknown signature_scheme \"hmac-md5\"; \
             this kernel signs with hmac-sha256 only",
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("no/such/file.json")).unwrap_err();
        assert!(error.to_string().contains("no/such/file.json"), "{error}");
    }
}
