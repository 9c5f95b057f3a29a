//! Files from the network, fetched once: resumed where a connection broke, checked, then renamed.
//!
//! This file alone names `ureq`, and the cryptography that it needs.

use crate::training::Interrupt;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{StatusCode, header};

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes taken at once.
const PIECE: usize = 1 << 16;
/// Attempts without any more bytes before the next address is tried.
const ATTEMPTS: u32 = 4;

/// A file to download, and how to know that it is the right one.
///
/// ```no_run
/// use momentum_vision::data::Download;
/// use momentum_vision::training::Interrupt;
///
/// let labels = Download {
///     urls: vec!["https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz".into()],
///     path: "mnist/t10k-labels-idx1-ubyte.gz".into(),
///     len: 4_542,
///     sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6".into(),
///     pause: std::time::Duration::from_secs(1),
/// };
/// labels.fetch(&Interrupt::of_process(), &mut |transfer| println!("{} bytes", transfer.done))?;
/// # Ok::<(), momentum_vision::data::DownloadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Where it is to be had; the next address is tried when one fails.
    pub urls: Vec<String>,
    /// Where it goes. What has come so far waits beside it, in a file that ends in `.part`.
    pub path: PathBuf,
    /// Its size in bytes.
    pub len: u64,
    /// SHA-256 of its bytes, in hex digits.
    pub sha256: String,
    /// Wait before the second attempt; it doubles with each one.
    pub pause: Duration,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The file's name.
    pub file: String,
    /// Bytes that have come, those of earlier runs too.
    pub done: u64,
    /// Bytes in all.
    pub len: u64,
}

/// Why a file could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No address gave the file.
    #[error(
        "could not download {}: {}. Check the connection and try again (what has come is kept), or \
         put the file there by hand",
        path.display(), tried.join("; ")
    )]
    Sources {
        /// The file that was wanted.
        path: PathBuf,
        /// Each address and why it gave nothing.
        tried: Vec<String>,
    },
    /// The file could not be written.
    #[error("could not write {}; check that the folder is yours and has room", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Someone asked to stop. What has come is kept.
    #[error("the download of {} was interrupted; what has come is kept", path.display())]
    Interrupted {
        /// The file that was wanted.
        path: PathBuf,
    },
}

/// Why one address gave nothing.
enum Stop {
    /// Something that another address may do better.
    Source(String),
    /// Something that ends the download.
    Final(DownloadError),
}

/// Why one request did not bring the rest.
enum Cut {
    /// Worth another attempt.
    Passing(String),
    /// Will not get better.
    Lasting(String),
    Final(DownloadError),
}

impl Download {
    /// Makes the file be there: at once if it is there already, else by downloading what is missing.
    /// Several processes may do this at once; one downloads, the others wait for it.
    ///
    /// # Errors
    /// [`DownloadError`]; nothing but the `.part` file is left then.
    pub fn fetch(
        &self,
        interrupt: &Interrupt,
        progress: &mut dyn FnMut(&Transfer),
    ) -> Result<(), DownloadError> {
        if self.is_there() {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(self.cannot_write())?;
        }
        let part = self.part();
        let open = OpenOptions::new().create(true).read(true).append(true).open(&part);
        let mut file = open.map_err(self.cannot_write())?;
        file.lock().map_err(self.cannot_write())?;
        if self.is_there() {
            // Another process has just brought it.
            let _ = std::fs::remove_file(&part);
            return Ok(());
        }
        let _listening = interrupt.listen();
        let mut tried = Vec::new();
        for url in &self.urls {
            match self.fetch_from(url, &mut file, interrupt, progress) {
                Ok(()) => {
                    file.sync_all().map_err(self.cannot_write())?;
                    return std::fs::rename(&part, &self.path).map_err(self.cannot_write());
                }
                Err(Stop::Source(reason)) => tried.push(format!("{url}: {reason}")),
                Err(Stop::Final(error)) => return Err(error),
            }
        }
        Err(DownloadError::Sources { path: self.path.clone(), tried })
    }

    /// A file appears under its name only when its checksum was right, so its size tells enough.
    fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.is_file() && file.len() == self.len)
    }

    fn part(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        self.path.with_file_name(name)
    }

    fn cannot_write(&self) -> impl Fn(std::io::Error) -> DownloadError + '_ {
        |source| DownloadError::Write { path: self.path.clone(), source }
    }

    fn fetch_from(
        &self,
        url: &str,
        file: &mut File,
        interrupt: &Interrupt,
        progress: &mut dyn FnMut(&Transfer),
    ) -> Result<(), Stop> {
        let agent = agent();
        let failed = |error| Stop::Final(self.cannot_write()(error));
        let mut most = file.metadata().map_err(failed)?.len();
        let mut resumed = most > 0;
        let mut failures = 0;
        loop {
            let have = file.metadata().map_err(failed)?.len();
            if have == self.len {
                let got = digest(file).map_err(failed)?;
                if got.eq_ignore_ascii_case(&self.sha256) {
                    return Ok(());
                }
                file.set_len(0).map_err(failed)?;
                if !std::mem::take(&mut resumed) {
                    let expected = &self.sha256;
                    let reason = format!("its SHA-256 is {got}, expected {expected}");
                    return Err(Stop::Source(reason));
                }
                // Two halves of different files: once more, in one piece.
                continue;
            }
            if have > self.len {
                file.set_len(0).map_err(failed)?;
                continue;
            }
            resumed |= have > 0;
            let reason = match self.request(&agent, url, have, file, interrupt, progress) {
                Ok(()) => continue,
                Err(Cut::Passing(reason)) => reason,
                Err(Cut::Lasting(reason)) => return Err(Stop::Source(reason)),
                Err(Cut::Final(error)) => return Err(Stop::Final(error)),
            };
            let have = file.metadata().map_err(failed)?.len();
            failures = if have > most { 0 } else { failures + 1 };
            most = most.max(have);
            if failures == ATTEMPTS {
                return Err(Stop::Source(format!("{reason} ({ATTEMPTS} attempts in vain)")));
            }
            self.wait(self.pause * (1 << failures), interrupt).map_err(Stop::Final)?;
        }
    }

    /// Sends one request and writes what comes, up to the file's length.
    fn request(
        &self,
        agent: &ureq::Agent,
        url: &str,
        have: u64,
        file: &mut File,
        interrupt: &Interrupt,
        progress: &mut dyn FnMut(&Transfer),
    ) -> Result<(), Cut> {
        let failed = |error| Cut::Final(self.cannot_write()(error));
        let request = match have {
            0 => agent.get(url),
            have => agent.get(url).header(header::RANGE, format!("bytes={have}-")),
        };
        let mut response = request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Cut::Lasting(error.to_string()),
            error => Cut::Passing(error.to_string()),
        })?;
        let status = response.status();
        let mut done = have;
        match status {
            StatusCode::PARTIAL_CONTENT if begins_at(&response, have) => {}
            // Not what was asked for, or no server of parts: from the beginning.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                file.set_len(0).map_err(failed)?;
                return Err(Cut::Passing(format!("the server does not resume ({status})")));
            }
            StatusCode::OK => {
                file.set_len(0).map_err(failed)?;
                done = 0;
            }
            _ if status.is_server_error()
                || status == StatusCode::TOO_MANY_REQUESTS
                || status == StatusCode::REQUEST_TIMEOUT =>
            {
                return Err(Cut::Passing(format!("the server answers {status}")));
            }
            _ => return Err(Cut::Lasting(format!("the server answers {status}"))),
        }
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        let mut report = |done| {
            let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            progress(&Transfer { file, done, len: self.len });
        };
        report(done);
        loop {
            if interrupt.take() {
                return Err(Cut::Final(DownloadError::Interrupted { path: self.path.clone() }));
            }
            let n = match body.read(&mut piece) {
                Ok(0) if done < self.len => {
                    let all = self.len;
                    return Err(Cut::Passing(format!("it ends after {done} of {all} bytes")));
                }
                Ok(0) => return Ok(()),
                Ok(n) => n as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Cut::Passing(format!("after {done} bytes: {error}"))),
            };
            if done + n > self.len {
                file.set_len(0).map_err(failed)?;
                let reason = format!("it is longer than the expected {} bytes", self.len);
                return Err(Cut::Lasting(reason));
            }
            file.write_all(&piece[..n as usize]).map_err(failed)?;
            done += n;
            report(done);
        }
    }

    fn wait(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), DownloadError> {
        const SLICE: Duration = Duration::from_millis(50);
        let mut left = pause;
        while !left.is_zero() {
            if interrupt.take() {
                return Err(DownloadError::Interrupted { path: self.path.clone() });
            }
            std::thread::sleep(left.min(SLICE));
            left = left.saturating_sub(SLICE);
        }
        Ok(())
    }
}

/// Whether the answer is the part that begins at a byte.
fn begins_at(response: &ureq::http::Response<ureq::Body>, have: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range
        .and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok())
        .is_some_and(|start: u64| start == have)
}

/// The HTTP client: rustls on ring, with the roots that the system trusts.
fn agent() -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .user_agent(concat!("momentum-vision/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build();
    config.new_agent()
}

/// SHA-256 of a whole file, in hex digits.
fn digest(file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&piece[..n]),
        }
    }
}

/// Whether a file is there and not empty.
pub(super) fn exists(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
}

#[cfg(test)]
mod tests;
