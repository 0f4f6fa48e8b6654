//! Compiled kernels and tuning results, kept across runs.

use burn::tensor::Device;
use cubecl::config::environment::EnvironmentConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};
use cubecl::environment;

/// Has GPU runtimes keep compiled kernels and tuning results in the user's cache directory, unless a
/// `cubecl.toml` or `burn.toml` here or above names another place. A program calls it before it uses a
/// device; later calls do nothing.
pub fn keep() {
    // Products fused with what follows them are tuned a second time, a dozen kernels for each, and come out
    // no faster (`experiments/2026-11-23_matmul-burn`).
    // An error means that a tensor exists already: then the setting comes too late, which harms nothing.
    let _ = burn_cubecl::fusion::remove("Matmul");
    let mut config = CubeClRuntimeConfig::from_current_dir();
    config.compilation.cache = true;
    if matches!(config.environment.path, CacheConfig::Target) {
        config.environment.path = CacheConfig::Global;
    }
    CubeClRuntimeConfig::try_set(config.override_from_env());
}

/// Keeps what is tuned for this card apart from other cards' results: tuning keys tell shapes apart, but
/// not cards. A name that the user gave to the store stays.
pub fn keep_for(device: &Device) {
    let config = CubeClRuntimeConfig::get();
    if config.environment.name != EnvironmentConfig::default().name {
        return;
    }
    if let Some(identity) = device.identity() {
        let name = identity
            .name
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        environment::activate(format!("elapid-{name}"));
    }
}
