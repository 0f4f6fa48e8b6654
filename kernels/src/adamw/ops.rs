//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use super::AdamWOptions;
#[cfg(feature = "gpu")]
use crate::eight::{EIGHT, Eight};

/// The operands as backend tensors, all 32-bit.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AdamWTensors<B: Backend> {
    /// The parameter.
    pub parameter: FloatTensor<B>,
    /// Its gradient.
    pub gradient: FloatTensor<B>,
    /// Its first moment.
    pub first: FloatTensor<B>,
    /// Its second moment.
    pub second: FloatTensor<B>,
    /// Factor of the gradient, `[1]`.
    pub grad_scale: FloatTensor<B>,
    /// Numbers of the step, `[N]`.
    pub table: FloatTensor<B>,
}

/// Everything about a step but its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AdamWPlan {
    /// The caller's options.
    pub options: AdamWOptions,
    /// Element of the table at which this parameter's numbers begin.
    pub first_dial: usize,
}

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait AdamWOps: Backend {
    /// Parameter, first and second moment after the step.
    #[fusion(meta = super::fusion::step)]
    fn adamw_step(
        #[extension_type] input: AdamWTensors<Self>,
        plan: AdamWPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Operands of eight parameters, all 32-bit.
#[cfg(feature = "gpu")]
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AdamWOfEight<B: Backend> {
    /// The parameters.
    #[extension_type]
    pub parameters: Eight<B>,
    /// Their gradients.
    #[extension_type]
    pub gradients: Eight<B>,
    /// Their first moments.
    #[extension_type]
    pub firsts: Eight<B>,
    /// Their second moments.
    #[extension_type]
    pub seconds: Eight<B>,
    /// Factor of the gradients, `[1]`.
    pub grad_scale: FloatTensor<B>,
    /// Numbers of the step, `[N]`.
    pub table: FloatTensor<B>,
}

/// Eight parameters and their moments after a step.
#[cfg(feature = "gpu")]
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct SteppedEight<B: Backend> {
    /// The parameters.
    #[extension_type]
    pub parameters: Eight<B>,
    /// Their first moments.
    #[extension_type]
    pub firsts: Eight<B>,
    /// Their second moments.
    #[extension_type]
    pub seconds: Eight<B>,
}

/// Several parameters at a time, reached through burn's dispatch.
#[cfg(feature = "gpu")]
#[backend_extension(Cube, Fusion)]
pub(crate) trait AdamWGroupOps: Backend {
    /// The step of eight parameters, each with its plan.
    #[fusion(meta = super::fusion::step_of_eight)]
    fn adamw_step_of_eight(
        #[extension_type] input: AdamWOfEight<Self>,
        plans: [AdamWPlan; EIGHT],
    ) -> SteppedEight<Self>;
}
