//! Instructions that the GPU has and the kernel language does not: the base-2 exponential and the
//! reciprocal of the special-function unit.
//!
//! A selective scan is bound by its exponentials. CUDA's library exponential spends about eight
//! instructions on the last two bits of the result; `ex2.approx` is one, exact to 2 ulp, and what
//! the official kernels use. CubeCL's LLVM generator has no operation for it, so this file adds
//! one to its intermediate representation. Elsewhere the language's own functions already are the
//! hardware's.

use burn_cubecl::CubeDevice;
use cubecl::prelude::*;

/// Which special-function instructions a kernel is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Units {
    /// The functions of the kernel language.
    Language,
    /// NVIDIA's approximate instructions, through LLVM.
    Nvidia,
}

impl Units {
    /// The fastest that `device` compiles.
    pub(crate) fn of(device: &CubeDevice) -> Self {
        match device {
            CubeDevice::Cuda(_) if cfg!(feature = "cuda") => Self::Nvidia,
            _ => Self::Language,
        }
    }

    /// What exponents are to be scaled by before [`exponential`].
    pub(crate) fn exponent_scale(self) -> f32 {
        match self {
            Self::Language => 1.0,
            Self::Nvidia => core::f32::consts::LOG2_E,
        }
    }
}

/// `exp(x / scale)` in every element, where `scale` is the unit's [`Units::exponent_scale`].
#[cube]
pub(crate) fn exponential<N: Size>(x: Vector<f32, N>, #[comptime] units: Units) -> Vector<f32, N> {
    match comptime!(units) {
        Units::Language => x.exp(),
        Units::Nvidia => {
            let mut result = Vector::new(0.0);
            #[unroll]
            for i in 0..N::value() {
                result.insert(i, exp2_approximate(x.extract(i)));
            }
            result
        }
    }
}

/// `exp(x)`.
#[cube]
pub(crate) fn exp<N: Size>(x: Vector<f32, N>, #[comptime] units: Units) -> Vector<f32, N> {
    exponential(x * Vector::new(comptime!(units.exponent_scale())), units)
}

/// `1 / x`.
#[cube]
pub(crate) fn reciprocal<N: Size>(x: Vector<f32, N>, #[comptime] units: Units) -> Vector<f32, N> {
    match comptime!(units) {
        Units::Language => Vector::new(1.0) / x,
        Units::Nvidia => {
            let mut result = Vector::new(0.0);
            #[unroll]
            for i in 0..N::value() {
                result.insert(i, reciprocal_approximate(x.extract(i)));
            }
            result
        }
    }
}

#[cfg(feature = "cuda")]
use nvidia::{exp2_approximate, reciprocal_approximate};

#[cfg(not(feature = "cuda"))]
#[cube]
fn exp2_approximate(x: f32) -> f32 {
    x.exp()
}

#[cfg(not(feature = "cuda"))]
#[cube]
fn reciprocal_approximate(x: f32) -> f32 {
    1.0 / x
}

/// The two operations and their lowering to LLVM.
#[cfg(feature = "cuda")]
mod nvidia {
    use cubecl::ir::prelude::*;
    use cubecl::ir::{CanMaterialize, PropagatesUniformity, Pure, interfaces::TriviallyUnrollable};
    use cubecl::prelude::*;
    use cubecl_llvm::shared::intrinsic::call_op;
    use cubecl_llvm::shared::to_llvm::ToLLVMDialect;

    /// `ex2.approx.ftz.f32`.
    #[cube_op(name = "elapid.exp2_approximate")]
    #[result_ty(same_as = input)]
    #[op_interfaces(SameOperandsType, SameOperandsAndResultType, TriviallyUnrollable)]
    #[op_traits(CanMaterialize, Pure, PropagatesUniformity)]
    pub struct Exp2Op {
        pub input: Value,
    }

    /// `rcp.approx.ftz.f32`.
    #[cube_op(name = "elapid.reciprocal_approximate")]
    #[result_ty(same_as = input)]
    #[op_interfaces(SameOperandsType, SameOperandsAndResultType, TriviallyUnrollable)]
    #[op_traits(CanMaterialize, Pure, PropagatesUniformity)]
    pub struct ReciprocalOp {
        pub input: Value,
    }

    macro_rules! lower_to_intrinsic {
        ($op:ty, $name:literal) => {
            #[op_interface_impl]
            impl ToLLVMDialect for $op {
                fn rewrite(
                    &self,
                    ctx: &mut Context,
                    rewriter: &mut DialectConversionRewriter,
                    _operands: &OperandsInfo,
                ) -> Result<()> {
                    let input = self.input(ctx);
                    let float = input.get_type(ctx);
                    let call = call_op(ctx, $name, float, vec![input]);
                    rewriter.insert_op(ctx, &call);
                    rewriter.replace_operation_with_values(
                        ctx,
                        self.get_operation(),
                        vec![call.get_result(ctx)],
                    );
                    Ok(())
                }
            }
        };
    }

    lower_to_intrinsic!(Exp2Op, "llvm.nvvm.ex2.approx.ftz.f32");
    lower_to_intrinsic!(ReciprocalOp, "llvm.nvvm.rcp.approx.ftz.f");

    /// 2 to the power `x`.
    #[cube]
    #[allow(unused_variables)]
    pub(super) fn exp2_approximate(x: f32) -> f32 {
        intrinsic!(|scope| unary_expand(scope, x.into(), Exp2Op::new).into())
    }

    /// `1 / x`.
    #[cube]
    #[allow(unused_variables)]
    pub(super) fn reciprocal_approximate(x: f32) -> f32 {
        intrinsic!(|scope| unary_expand(scope, x.into(), ReciprocalOp::new).into())
    }
}
