//! What all tasks say alike of their batches.

/// The items of a [`Task`](elapid_train::Task) that follow from its type of batches, the number of samples in one, and
/// [`Watched::loss_with`](crate::diagnose::Watched::loss_with).
macro_rules! batches {
    ($batch:ty, |$one:ident| $samples:expr) => {
        type Batch = $batch;

        fn loss(
            &self,
            inputs: &elapid_train::Inputs,
            noise: &elapid_train::Noise,
        ) -> burn::tensor::Tensor<1> {
            $crate::diagnose::Watched::loss_with(self, inputs, $crate::diagnose::of_layers(noise))
        }

        fn batch_len($one: &$batch) -> usize {
            $samples
        }

        fn split(batch: $batch, samples: usize) -> Vec<$batch> {
            batch.split(samples)
        }
    };
}

pub(super) use batches;
