//! Free memory for a recording that needs a little more than the run before it.

use cubecl::client::Client;
use cubecl::{MemoryPoolKind, MemoryPoolReport, MemoryScope};

/// Pages more for blocks without bytes, each of which takes one.
const EMPTY: u64 = 32;

/// Has each pool of this thread's stream take more pages than it has, and leaves them empty.
pub(super) fn leave(client: &Client, attempt: u32) {
    let mut held = Vec::new();
    for (place, pool) in pools(client).iter().enumerate() {
        let (more, size) = match pool.kind {
            MemoryPoolKind::Exclusive { max_alloc_size: 0 } => (EMPTY, 0),
            MemoryPoolKind::Sliced { max_slice_size, .. } => (1, max_slice_size),
            MemoryPoolKind::Adaptive { page_size, .. } if attempt > 0 => (1, page_size),
            _ => continue,
        };
        let free = pool.usage.bytes_reserved - pool.usage.bytes_in_use;
        // More than are needed if none of them fits into what is free; fewer come about where the device has no memory left.
        let most = free / size.max(1) + more;
        for _ in 0..most {
            let has_grown =
                |now: &MemoryPoolReport| now.kind != pool.kind || now.pages >= pool.pages + more;
            if pools(client).get(place).is_none_or(has_grown) {
                break;
            }
            held.push(client.empty(size as usize));
        }
    }
    // The device's thread takes no memory for a block that is given back before its turn comes: it has answered once more.
    let _ = pools(client);
    drop(held);
}

/// The pools of this thread's stream.
fn pools(client: &Client) -> Vec<MemoryPoolReport> {
    let report = client.memory_report(MemoryScope::CurrentStream);
    let streams = report.streams.into_iter();
    streams.flat_map(|stream| stream.pools.dynamic).collect()
}
