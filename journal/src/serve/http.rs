//! The server: files of the site, the script, and the stream of events.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

use super::live::Live;
use super::page::{EVENTS, NO_SITE, SCRIPT, STYLE, with_script};

pub(super) async fn accept(listener: TcpListener, site: Arc<PathBuf>, live: Arc<Live>, port: u16) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, mostly: wait until some are free.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (site, live) = (Arc::clone(&site), Arc::clone(&live));
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&request, &site, &live, port);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A browser that goes away in the middle is no concern of the server's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(request: &Request<Incoming>, site: &Path, live: &Arc<Live>, port: u16) -> Response<Sent> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| is_ours(host, port)) {
        return said(StatusCode::FORBIDDEN, "this server answers to 127.0.0.1 and localhost only");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return said(StatusCode::METHOD_NOT_ALLOWED, "only GET is served");
    }
    let head = request.method() == Method::HEAD;
    match request.uri().path() {
        EVENTS if head => reply(StatusCode::OK, "text/event-stream", Bytes::new()),
        EVENTS => events(live),
        SCRIPT => reply(StatusCode::OK, kind_of("a.js"), Bytes::from_static(LIVE_JS.as_bytes())),
        STYLE => reply(StatusCode::OK, kind_of("a.css"), Bytes::from_static(LIVE_CSS.as_bytes())),
        path => file(site, path, live),
    }
}

const LIVE_JS: &str = include_str!("../../theme/live.js");
const LIVE_CSS: &str = include_str!("../../theme/live.css");

fn is_ours(host: &str, port: u16) -> bool {
    let name = host.strip_suffix(&format!(":{port}")).unwrap_or(host);
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

/// A file of the site.
fn file(site: &Path, path: &str, live: &Live) -> Response<Sent> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut relative = path.trim_start_matches('/').to_owned();
    if relative.is_empty() || relative.ends_with('/') {
        relative.push_str("index.html");
    }
    let inside = relative.split('/').all(|part| !part.is_empty() && part != ".." && part != ".")
        && !relative.contains(['\0', '\\']);
    // The number is read first: a page that is newer than it says reloads once too often, one that
    // is older would never reload.
    let build = live.build();
    let bytes = inside.then(|| read(site, &relative)).flatten();
    let is_page = relative.ends_with(".html");
    match bytes {
        Some(bytes) if is_page => {
            let page = with_script(&String::from_utf8_lossy(&bytes), build);
            reply(StatusCode::OK, kind_of(&relative), page.into())
        }
        Some(bytes) => reply(StatusCode::OK, kind_of(&relative), bytes.into()),
        // A page may be on its way, so that one waits for it, and shows what is in its way.
        None if inside && is_page => {
            let page = with_script(NO_SITE, build);
            reply(StatusCode::NOT_FOUND, kind_of(&relative), page.into())
        }
        None => said(StatusCode::NOT_FOUND, "the site has no such file"),
    }
}

/// The file's bytes. A site that is swapped for another one just now is tried again.
fn read(site: &Path, relative: &str) -> Option<Vec<u8>> {
    for _ in 0..2 {
        let path = site.join(relative);
        let real = path.canonicalize().ok();
        let root = site.canonicalize().ok();
        if let (Some(real), Some(root)) = (real, root)
            && real.starts_with(root)
            && real.is_file()
            && let Ok(bytes) = std::fs::read(real)
        {
            return Some(bytes);
        }
    }
    None
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn said(status: StatusCode, text: &'static str) -> Response<Sent> {
    reply(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn reply(status: StatusCode, kind: &str, bytes: Bytes) -> Response<Sent> {
    response(status, kind, Sent::Bytes(Some(bytes)))
}

fn response(status: StatusCode, kind: &str, body: Sent) -> Response<Sent> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let pairs = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    for (name, value) in pairs {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// A stream of events that ends with the page.
fn events(live: &Live) -> Response<Sent> {
    let (first, mut hears) = live.join();
    let (sends, receives) = mpsc::channel(16);
    tokio::spawn(async move {
        if sends.send(first).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                () = sends.closed() => return,
                heard = hears.recv() => match heard {
                    Ok(message) => {
                        if sends.send(message).await.is_err() {
                            return;
                        }
                    }
                    // A page that missed something joins again, and is told how things stand.
                    Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    });
    response(StatusCode::OK, "text/event-stream", Sent::Events(receives))
}

/// A body: bytes at once, or events as they come.
pub(super) enum Sent {
    Bytes(Option<Bytes>),
    Events(mpsc::Receiver<String>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Sent::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Sent::Events(receiver) => receiver
                .poll_recv(context)
                .map(|message| message.map(|text| Ok(Frame::data(Bytes::from(text))))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Sent::Bytes(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Sent::Events(_) => hyper::body::SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Sent::Bytes(None))
    }
}
