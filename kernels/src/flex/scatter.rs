//! Writing disjoint parts of one buffer from many threads.

use std::marker::PhantomData;
use std::ops::Range;

/// A buffer whose parts are written by different tasks. A task owns a block of channels of one
/// batch element, whose rows are interleaved in memory with those of other tasks, which is why
/// `chunks_mut` cannot hand them out.
pub(crate) struct Scatter<'a> {
    pointer: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is through `part`, whose contract makes concurrent calls disjoint.
unsafe impl Send for Scatter<'_> {}
// SAFETY: as above.
unsafe impl Sync for Scatter<'_> {}

impl<'a> Scatter<'a> {
    /// Takes the buffer for as long as the tasks run.
    pub(crate) fn new(buffer: &'a mut [f32]) -> Self {
        Self {
            pointer: buffer.as_mut_ptr(),
            len: buffer.len(),
            lifetime: PhantomData,
        }
    }

    /// The part `range` of the buffer.
    ///
    /// # Safety
    ///
    /// While the returned slice lives, no other call may hand out an overlapping range.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // disjointness is the caller's contract
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: in bounds by the assertion, exclusive by the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(range.start), range.len()) }
    }
}
