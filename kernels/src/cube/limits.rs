//! What a device has, and what every device grants.

use cubecl::client::Client;

/// Cubes along the second and third axis of a launch that every API grants.
pub(super) const MAX_CUBES: usize = 65_535;

/// Processors that work on cubes side by side; of a device that does not say, 32.
pub(super) fn processors(client: &Client) -> usize {
    let hardware = &client.properties().hardware;
    hardware
        .num_streaming_multiprocessors
        .map_or(32, |count| count as usize)
}
