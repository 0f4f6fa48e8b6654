//! The GPU implementation: one launch a parameter, or one for eight.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::{AdamWGroupOps, AdamWOfEight, AdamWOps, AdamWPlan, AdamWTensors, SteppedEight};
use crate::cube::{Rows, address_type, contiguous, vector, writable};
use crate::eight::{EIGHT, can_bind};

const UNITS: usize = 256;
/// Cubes of one parameter at most: the largest a grid has on every API.
const CUBES: usize = 65_535;
/// Buffers of a parameter.
const BUFFERS: usize = 4;

impl AdamWOps for CubeBackend {
    fn adamw_step(
        input: AdamWTensors<Self>,
        plan: AdamWPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let operands = Operands {
            parameter: input.parameter,
            gradient: input.gradient,
            moments: [input.first, input.second],
            plan,
        };
        let operands = operands.owned();
        let width = operands.width();
        launch(
            std::slice::from_ref(&operands),
            &input.grad_scale,
            &input.table,
            width,
        );
        let [first, second] = operands.moments;
        (operands.parameter, first, second)
    }
}

impl AdamWGroupOps for CubeBackend {
    fn adamw_step_of_eight(
        input: AdamWOfEight<Self>,
        plans: [AdamWPlan; EIGHT],
    ) -> SteppedEight<Self> {
        let parameters = input.parameters.into_array().into_iter();
        let gradients = input.gradients.into_array();
        let firsts = input.firsts.into_array();
        let seconds = input.seconds.into_array();
        let operands = parameters
            .zip(gradients)
            .zip(firsts)
            .zip(seconds)
            .zip(plans);
        let operands = operands.map(|((((parameter, gradient), first), second), plan)| {
            let moments = [first, second];
            Operands {
                parameter,
                gradient,
                moments,
                plan,
            }
            .owned()
        });
        let operands: Vec<Operands> = operands.collect();
        let width = operands[0].width();
        let is_even = operands.iter().all(|operands| operands.width() == width);
        if is_even && can_bind(&operands[0].parameter, EIGHT * BUFFERS + 2) {
            launch(&operands, &input.grad_scale, &input.table, width);
        } else {
            for operands in &operands {
                let one = std::slice::from_ref(operands);
                launch(one, &input.grad_scale, &input.table, operands.width());
            }
        }
        let of = |which: fn(&Operands) -> &CubeTensor| {
            std::array::from_fn(|at| which(&operands[at]).clone()).into()
        };
        SteppedEight {
            parameters: of(|operands| &operands.parameter),
            firsts: of(|operands| &operands.moments[0]),
            seconds: of(|operands| &operands.moments[1]),
        }
    }
}

/// A parameter, its gradient, its moments, and what is to be done.
struct Operands {
    parameter: CubeTensor,
    gradient: CubeTensor,
    moments: [CubeTensor; 2],
    plan: AdamWPlan,
}

impl Operands {
    /// With a parameter and moments that may be written to.
    fn owned(self) -> Self {
        let in_place = self.plan.options.in_place;
        Self {
            parameter: writable(self.parameter, in_place),
            moments: self.moments.map(|moment| writable(moment, in_place)),
            ..self
        }
    }

    /// Elements that a unit steps at once.
    fn width(&self) -> usize {
        vector(self.columns())
    }

    fn columns(&self) -> usize {
        self.parameter.meta.shape().last().copied().unwrap_or(1)
    }

    fn vectors(&self, width: usize) -> usize {
        self.parameter.meta.shape().num_elements() / width
    }
}

/// One launch for parameters that are all read in vectors of one width.
fn launch(operands: &[Operands], grad_scale: &CubeTensor, table: &CubeTensor, width: usize) {
    let most = operands
        .iter()
        .map(|operands| operands.vectors(width))
        .max();
    let cubes = most.unwrap_or(0).div_ceil(UNITS).min(CUBES);
    if cubes == 0 {
        return;
    }
    let gradients: Vec<Rows> = operands
        .iter()
        .map(|operands| Rows::new(operands.gradient.clone(), width))
        .collect();
    let buffers = |which: fn(&Operands) -> &CubeTensor| {
        let buffers = operands
            .iter()
            .map(|operands| which(operands).clone().into_buffer_arg());
        buffers.collect()
    };
    let of_gradients = gradients
        .iter()
        .map(|rows| rows.tensor.clone().into_buffer_arg());
    let forms = operands.iter().zip(&gradients).map(|(operands, gradient)| {
        FormLaunch::new(
            operands.columns() / width,
            gradient.pitch / width,
            operands.vectors(width),
            operands.plan.first_dial,
        )
    });
    let like = &operands[0].parameter;
    let options = operands[0].plan.options;
    let read: Vec<&CubeTensor> = operands
        .iter()
        .map(|operands| &operands.parameter)
        .chain(gradients.iter().map(|rows| &rows.tensor))
        .collect();
    // SAFETY: units read and write vectors of parameter and moments below their count, and read the gradient's of the same row and
    // column, at the distance between rows. The table holds three numbers from each `first_dial`.
    unsafe {
        adamw_kernel::launch_unchecked(
            &like.client,
            CubeCount::Static(cubes as u32, operands.len() as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            address_type(&read),
            width,
            buffers(|operands| &operands.parameter),
            of_gradients.collect(),
            buffers(|operands| &operands.moments[0]),
            buffers(|operands| &operands.moments[1]),
            contiguous(grad_scale.clone()).into_buffer_arg(),
            contiguous(table.clone()).into_buffer_arg(),
            forms.collect(),
            ConstantsLaunch::new(options.beta_1, options.beta_2, options.epsilon),
            operands.len(),
        );
    }
}

/// Sizes of a parameter, and where its numbers are.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Form {
    /// Vectors of a row.
    columns: usize,
    /// Vectors from one row of the gradient to the next.
    pitch: usize,
    /// Vectors in all.
    vectors: usize,
    first_dial: usize,
}

#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Constants {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

/// Cubes `(.., p)` step parameter p.
#[cube(launch_unchecked, address_type = "dynamic")]
fn adamw_kernel<N: Size>(
    parameters: &mut Sequence<Box<[Vector<f32, N>]>>,
    gradients: &Sequence<Box<[Vector<f32, N>]>>,
    firsts: &mut Sequence<Box<[Vector<f32, N>]>>,
    seconds: &mut Sequence<Box<[Vector<f32, N>]>>,
    grad_scale: &[f32],
    table: &[f32],
    forms: &Sequence<Form>,
    constants: Constants,
    #[comptime] count: usize,
) {
    if grad_scale[0] < 0.0 {
        terminate!();
    }
    #[unroll]
    for number in 0..count {
        if CUBE_POS_Y as usize == number {
            step::<N>(
                parameters.index_mut(number),
                gradients.index(number),
                firsts.index_mut(number),
                seconds.index_mut(number),
                grad_scale[0],
                table,
                forms.index(number),
                &constants,
            );
        }
    }
}

#[cube]
#[allow(clippy::too_many_arguments)]
fn step<N: Size>(
    parameter: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    first: &mut [Vector<f32, N>],
    second: &mut [Vector<f32, N>],
    grad_scale: f32,
    table: &[f32],
    form: &Form,
    constants: &Constants,
) {
    let one = f32::new(1.0);
    let decay = Vector::new(table[form.first_dial]);
    let size = Vector::new(table[form.first_dial + 1]);
    let correction = Vector::new(table[form.first_dial + 2]);
    let mut at = CUBE_POS_X as usize * UNITS + UNIT_POS as usize;
    while at < form.vectors {
        let row = at / form.columns;
        let g = gradient[row * form.pitch + at - row * form.columns] * Vector::new(grad_scale);
        let m = first[at] * Vector::new(constants.beta_1) + g * Vector::new(one - constants.beta_1);
        let v = second[at] * Vector::new(constants.beta_2)
            + g * g * Vector::new(one - constants.beta_2);
        let root = v.sqrt() / correction + Vector::new(constants.epsilon);
        first[at] = m;
        second[at] = v;
        parameter[at] = parameter[at] * decay - m / root * size;
        at += CUBE_COUNT_X as usize * UNITS;
    }
}
