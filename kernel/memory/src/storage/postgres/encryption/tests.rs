//! Against a server that can do no more than greet: whether a connection is encrypted, and whom it
//! trusts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::storage::{PostgresConfig, PostgresStorage};

const GREETING: &str = "the server of the test greets you";

/// What the server says to a client that asks for encryption.
#[derive(Clone, Copy)]
enum Answer {
    Yes,
    No,
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage/postgres/encryption").join(name)
}

/// Takes one connection.
fn serve(listener: &TcpListener, answer: Answer) {
    let (mut socket, _) = listener.accept().unwrap();
    let mut start = [0; 8];
    if socket.read_exact(&mut start).is_err() {
        return;
    }
    // PostgreSQL's frontend/backend protocol, "SSLRequest".
    if start[4..] != 80_877_103_u32.to_be_bytes() {
        greet(&mut socket);
        return;
    }
    match answer {
        Answer::No => drop(socket.write_all(b"N")),
        Answer::Yes => {
            socket.write_all(b"S").unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let chain = CertificateDer::pem_file_iter(certificate("server.pem")).unwrap();
            let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_file(certificate("server.pem")).unwrap();
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut encrypted = StreamOwned::new(connection, socket);
            // A client that does not trust the certificate goes away here.
            if encrypted.read_exact(&mut start).is_ok() {
                greet(&mut encrypted);
            }
        }
    }
}

/// Refuses whoever comes, with words to know it by.
fn greet(stream: &mut (impl Read + Write)) {
    let fields = format!("SFATAL\0C28000\0M{GREETING}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    let message = [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat();
    let _ = stream.write_all(&message).and_then(|()| stream.flush());
    // Until the client has read it.
    let _ = stream.read(&mut [0; 256]);
    let _ = stream.read(&mut [0; 256]);
}

/// What is said of a connection to this host.
fn said(host: &str, options: &str, answer: Answer, trusted: Option<&str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || serve(&listener, answer));
    let mut config = PostgresConfig::new(format!("postgres://ann@{host}:{port}/memory?{options}"));
    if let Some(name) = trusted {
        config = config.with_root_certificates(certificate(name));
    }
    let error = PostgresStorage::open(config).unwrap_err();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(why) = cause {
        said.push_str(&format!(" | {why}"));
        cause = why.source();
    }
    // It may wait for a connection that never comes.
    drop(TcpStream::connect(("127.0.0.1", port)));
    server.join().unwrap();
    said
}

#[test]
fn whom_a_connection_trusts() {
    let check = |host: &str, options: &str, answer: Answer, trusted: Option<&str>, text: &str| {
        let said = said(host, options, answer, trusted);
        assert!(said.contains(text), "{host} {options}: {said}");
    };
    let ours = Some("authority.pem");
    check("localhost", "sslmode=require", Answer::Yes, ours, GREETING);
    check("localhost", "sslmode=require", Answer::Yes, None, "invalid peer certificate");
    check("127.0.0.1", "sslmode=require", Answer::Yes, ours, "invalid peer certificate");
    check("localhost", "sslmode=require", Answer::No, ours, "server does not support TLS");
    check("localhost", "sslmode=disable", Answer::Yes, ours, GREETING);
    check("localhost", "sslmode=require", Answer::Yes, Some("nowhere.pem"), "cannot be read");
    check("localhost", "sslmode=require", Answer::Yes, Some("tests.rs"), "holds no certificate");
}
