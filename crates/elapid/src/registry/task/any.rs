//! One type for all tasks, so that the trainer and the commands are built once and not once a task.

/// Declares [`AnyTask`](super::AnyTask), its batches and its tallies from the list of tasks.
///
/// A batch meets the task that its own data set was opened for, so a pair of different kinds is a defect.
macro_rules! tasks {
    ($($kind:ident($task:ident),)*) => {
        /// A task of any kind.
        #[derive(Module, Debug)]
        #[allow(missing_docs)]
        #[allow(clippy::large_enum_variant)] // one a run, and a module cannot be boxed
        pub enum AnyTask {
            $($kind($task),)*
        }

        /// A batch for [`AnyTask`].
        #[derive(Clone, Debug)]
        #[allow(missing_docs)]
        #[allow(clippy::large_enum_variant)] // a few at a time
        pub enum AnyBatch {
            $($kind(<$task as Task>::Batch),)*
        }

        /// Sums over an evaluation of [`AnyTask`].
        #[derive(Clone, Debug)]
        #[allow(missing_docs)]
        #[allow(clippy::large_enum_variant)] // one an evaluation
        pub enum AnyTally {
            $($kind(<$task as Task>::Tally),)*
        }

        #[allow(unreachable_patterns)]
        impl Task for AnyTask {
            type Batch = AnyBatch;
            type Tally = AnyTally;

            fn packing(&self) -> Packing<AnyBatch> {
                match self {
                    $(Self::$kind(task) => {
                        let packing = task.packing();
                        Arc::new(move |batch| match batch {
                            AnyBatch::$kind(batch) => packing(batch),
                            _ => panic!("{ODD}"),
                        })
                    })*
                }
            }

            fn loss(&self, inputs: &Inputs, noise: &Noise) -> Tensor<1> {
                match self {
                    $(Self::$kind(task) => task.loss(inputs, noise),)*
                }
            }

            fn tally(&self) -> AnyTally {
                match self {
                    $(Self::$kind(task) => AnyTally::$kind(task.tally()),)*
                }
            }

            fn observe(&self, batch: &AnyBatch, device: &Device, tally: &mut AnyTally) {
                match (self, batch, tally) {
                    $((Self::$kind(task), AnyBatch::$kind(batch), AnyTally::$kind(tally)) => {
                        task.observe(batch, device, tally);
                    })*
                    _ => panic!("{ODD}"),
                }
            }

            fn batch_len(batch: &AnyBatch) -> usize {
                match batch {
                    $(AnyBatch::$kind(batch) => <$task>::batch_len(batch),)*
                }
            }

            fn split(batch: AnyBatch, samples: usize) -> Vec<AnyBatch> {
                match batch {
                    $(AnyBatch::$kind(batch) => {
                        let parts = <$task>::split(batch, samples).into_iter();
                        parts.map(AnyBatch::$kind).collect()
                    })*
                }
            }
        }

        impl Watched for AnyTask {
            fn loss_with(&self, inputs: &Inputs, noise: elapid_nn::Noise) -> Tensor<1> {
                match self {
                    $(Self::$kind(task) => task.loss_with(inputs, noise),)*
                }
            }
        }

        impl Described for AnyTask {
            fn classes(&self) -> &[String] {
                match self {
                    $(Self::$kind(task) => task.classes(),)*
                }
            }
        }

        impl Tally for AnyTally {
            fn metrics(&self) -> Vec<Measured> {
                match self {
                    $(Self::$kind(tally) => tally.metrics(),)*
                }
            }

            fn is_finite(&self) -> bool {
                match self {
                    $(Self::$kind(tally) => tally.is_finite(),)*
                }
            }

            fn confusion(&self) -> Option<Confusion> {
                match self {
                    $(Self::$kind(tally) => tally.confusion(),)*
                }
            }

            fn pictures(&self) -> Vec<Picture> {
                match self {
                    $(Self::$kind(tally) => tally.pictures(),)*
                }
            }
        }
    };
}

pub(super) use tasks;
