//! Asking for a file over HTTP.

use std::io::Read;
use std::time::Duration;

use ureq::{AgentBuilder, Error, Response};

use super::PrepareError;

/// Time to connect, and without a byte, after which a server is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer whose body has not been read.
pub(super) struct Answer(Response);

/// Asks for the bytes of `url` from `first` on; all of them if the file is no longer that of `validator`.
///
/// # Errors
///
/// If there is no answer. One that refuses is an answer.
pub(super) fn get(url: &str, first: u64, validator: Option<&str>) -> Result<Answer, PrepareError> {
    let agent = AgentBuilder::new()
        .timeout_connect(PATIENCE)
        .timeout_read(PATIENCE)
        .user_agent(concat!("elapid/", env!("CARGO_PKG_VERSION")))
        // That of the environment is for other machines than this one.
        .try_proxy_from_env(!is_local(url))
        .build();
    // Bytes as they are stored: sizes and ranges are those of the file.
    let mut request = agent.get(url).set("Accept-Encoding", "identity");
    if first > 0 {
        request = request.set("Range", &format!("bytes={first}-"));
        if let Some(validator) = validator {
            request = request.set("If-Range", validator);
        }
    }
    match request.call() {
        Ok(response) | Err(Error::Status(_, response)) => Ok(Answer(response)),
        Err(Error::Transport(error)) => {
            let text = error.to_string();
            // It begins with the address, which is said already.
            let reason = text
                .strip_prefix(url)
                .map(|rest| rest.trim_start_matches(": "));
            Err(PrepareError::Unreachable {
                url: url.to_owned(),
                reason: reason.unwrap_or(&text).to_owned(),
            })
        }
    }
}

fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.0.status()
    }

    /// Size of the body, if the server says it.
    pub(super) fn length(&self) -> Option<u64> {
        self.0.header("Content-Length")?.parse().ok()
    }

    /// What tells this file from a later one of the same address.
    pub(super) fn validator(&self) -> Option<String> {
        // A weak tag says that two files mean the same, not that they have the same bytes.
        let tag = self.0.header("ETag").filter(|tag| !tag.starts_with("W/"));
        let validator = tag.or_else(|| self.0.header("Last-Modified"))?;
        Some(validator.to_owned())
    }

    /// First byte and size of the whole file, where the body is a part of it or the server says why it is not.
    pub(super) fn range(&self) -> Option<(Option<u64>, Option<u64>)> {
        let text = self.0.header("Content-Range")?.strip_prefix("bytes ")?;
        let (range, size) = text.split_once('/')?;
        let first = range
            .split_once('-')
            .and_then(|(first, _)| first.parse().ok());
        Some((first, size.parse().ok()))
    }

    pub(super) fn body(self) -> impl Read {
        self.0.into_reader()
    }
}
