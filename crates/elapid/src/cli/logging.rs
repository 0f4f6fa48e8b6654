//! Events for people who debug.

use tracing_subscriber::EnvFilter;

/// Shows events on standard error where the environment asks for them, for example
/// `ELAPID_LOG=debug` or `ELAPID_LOG=elapid_train=debug`; nothing by default, because progress has
/// its own lines.
pub(crate) fn install() {
    let filter = EnvFilter::try_from_env("ELAPID_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
