//! Free memory for a recording that needs a little more than the run before it.

use cubecl::client::Client;
use cubecl::{MemoryPoolKind, MemoryPoolReport, MemoryScope};

/// Blocks without bytes, each of which is a page.
const EMPTY: u64 = 32;

/// Asks each pool of this thread's stream for more than it has free, and hands that back.
pub(super) fn leave(client: &Client, attempt: u32) {
    let report = client.memory_report(MemoryScope::CurrentStream);
    let pools = report
        .streams
        .iter()
        .flat_map(|stream| &stream.pools.dynamic);
    let held: Vec<_> = pools
        .flat_map(|pool| {
            let (blocks, size) = spare(pool, attempt);
            (0..blocks).map(move |_| client.empty(size as usize))
        })
        .collect();
    drop(held);
}

/// How many blocks of which size a pool cannot hold without another page.
fn spare(pool: &MemoryPoolReport, attempt: u32) -> (u64, u64) {
    let free = pool.usage.bytes_reserved - pool.usage.bytes_in_use;
    match pool.kind {
        MemoryPoolKind::Exclusive { max_alloc_size: 0 } => (pool.pages + EMPTY, 0),
        MemoryPoolKind::Sliced {
            page_size,
            max_slice_size,
        } => ((free + page_size) / max_slice_size, max_slice_size),
        MemoryPoolKind::Adaptive { page_size, .. } if attempt > 0 => {
            (free / page_size + 1, page_size)
        }
        _ => (0, 0),
    }
}
