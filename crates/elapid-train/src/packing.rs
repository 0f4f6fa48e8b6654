//! Batches as devices take them, still in host memory.
//!
//! A batch of images takes milliseconds to round and to divide, which the thread that drives the device does not have: loaders
//! pack batches where they make them.

use std::sync::Arc;

use burn::tensor::TensorData;

use crate::Task;

/// Gives what the device needs of a batch; see [`Task::packing`].
pub type Packing<B> = Arc<dyn Fn(B) -> Vec<TensorData> + Send + Sync>;

/// A batch in host memory, shared out to the devices, and in the parts in which each processes its share.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Of the whole batch.
    pub(crate) samples: usize,
    /// One for each device.
    pub(crate) shares: Vec<PackedShare>,
}

/// What a device gets of a batch. It may have no parts.
#[derive(Clone, Debug)]
pub(crate) struct PackedShare {
    pub(crate) parts: Vec<PackedPart>,
    /// Number of the first part among those of the batch.
    pub(crate) first_part: u32,
}

/// Some samples of a batch.
#[derive(Clone, Debug)]
pub struct PackedPart {
    /// What the device needs of them.
    pub inputs: Vec<TensorData>,
    /// How many of the batch's samples these are, from 0 to 1.
    pub share: f64,
}

/// Packs the batches of a task.
pub struct Packer<B> {
    packing: Packing<B>,
    len: fn(&B) -> usize,
    split: fn(B, usize) -> Vec<B>,
    devices: usize,
    micro_batch: Option<usize>,
}

impl<B> Clone for Packer<B> {
    fn clone(&self) -> Self {
        Self {
            packing: Arc::clone(&self.packing),
            ..*self
        }
    }
}

impl<B> Packer<B> {
    /// Shares batches out to so many devices, at least one, each share in parts of at most `micro_batch` samples.
    pub fn new<T: Task<Batch = B>>(task: &T, devices: usize, micro_batch: Option<usize>) -> Self {
        Self {
            packing: task.packing(),
            len: T::batch_len,
            split: T::split,
            devices,
            micro_batch,
        }
    }

    /// The batch, packed. Where it does not come out even, the last devices have less to do, or nothing.
    ///
    /// A step takes as long as its largest share, so nothing is won by making the others more alike.
    pub fn pack(&self, batch: B) -> Packed {
        let samples = (self.len)(&batch);
        let largest = samples.div_ceil(self.devices).max(1);
        let mut first_part = 0;
        let mut shares = Vec::with_capacity(self.devices);
        for share in self.divided(batch, largest) {
            let parts = self.divided(share, self.micro_batch.unwrap_or(usize::MAX));
            let parts: Vec<_> = parts
                .into_iter()
                .map(|part| self.part(part, samples))
                .collect();
            let count = parts.len() as u32;
            shares.push(PackedShare { parts, first_part });
            first_part += count;
        }
        shares.resize_with(self.devices, || PackedShare {
            parts: Vec::new(),
            first_part,
        });
        Packed { samples, shares }
    }

    fn part(&self, part: B, of_samples: usize) -> PackedPart {
        PackedPart {
            share: (self.len)(&part) as f64 / of_samples as f64,
            inputs: (self.packing)(part),
        }
    }

    /// The samples in groups of at most `size`; they are copied only if there are more.
    fn divided(&self, samples: B, size: usize) -> Vec<B> {
        match size < (self.len)(&samples) {
            true => (self.split)(samples, size),
            false => vec![samples],
        }
    }
}

impl Packed {
    /// The parts of all devices, in order.
    pub fn into_parts(self) -> impl Iterator<Item = PackedPart> {
        self.shares.into_iter().flat_map(|share| share.parts)
    }

    /// What the only device gets.
    pub(crate) fn whole(mut self) -> PackedShare {
        debug_assert_eq!(self.shares.len(), 1);
        self.shares.swap_remove(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packer(devices: usize, micro_batch: Option<usize>) -> Packer<Vec<u8>> {
        Packer {
            packing: Arc::new(|samples| vec![samples.as_slice().into()]),
            len: Vec::len,
            split: |samples, size| samples.chunks(size).map(<[u8]>::to_vec).collect(),
            devices,
            micro_batch,
        }
    }

    /// The samples of each part of each share, and the number of each share's first part.
    fn packed(
        samples: u8,
        devices: usize,
        micro_batch: Option<usize>,
    ) -> (Vec<Vec<Vec<u8>>>, Vec<u32>) {
        let Packed { shares, .. } = packer(devices, micro_batch).pack((0..samples).collect());
        let bytes = |part: &PackedPart| part.inputs[0].as_slice::<u8>().unwrap().to_vec();
        let parts = shares
            .iter()
            .map(|share| share.parts.iter().map(bytes).collect());
        let firsts = shares.iter().map(|share| share.first_part);
        (parts.collect(), firsts.collect())
    }

    #[test]
    fn devices_get_shares_in_parts() {
        let (parts, firsts) = packed(3, 1, None);
        assert_eq!((parts, firsts), (vec![vec![vec![0, 1, 2]]], vec![0]));
        let (parts, firsts) = packed(5, 3, Some(1));
        let singles = |all: &[u8]| all.iter().map(|sample| vec![*sample]).collect::<Vec<_>>();
        assert_eq!(parts, [singles(&[0, 1]), singles(&[2, 3]), singles(&[4])]);
        assert_eq!(firsts, [0, 2, 4]);
    }

    #[test]
    fn some_devices_may_get_nothing() {
        let (parts, firsts) = packed(1, 3, Some(8));
        assert_eq!(parts, [vec![vec![0]], vec![], vec![]]);
        assert_eq!(firsts, [0, 1, 1]);
    }

    #[test]
    fn parts_count_by_their_samples() {
        let packed = packer(2, Some(2)).pack(vec![0; 5]);
        let parts = packed.shares.iter().flat_map(|share| &share.parts);
        let shares: Vec<f64> = parts.map(|part| part.share).collect();
        assert_eq!((packed.samples, shares), (5, vec![0.4, 0.2, 0.4]));
    }
}
