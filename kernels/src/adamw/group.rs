//! Steps of many parameters, of which a GPU takes eight in a launch.

use burn::backend::Dispatch;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;

use super::{AdamWOptions, Dials, adamw};

type AnyTensor = FloatTensor<Dispatch>;

/// Parameters on the way to their step, each with a key.
#[derive(Debug)]
pub struct Steps<'a, K> {
    dials: Dials<'a>,
    options: AdamWOptions,
    /// Those with rows that vectors fit, and others.
    #[cfg(feature = "gpu")]
    waiting: [Vec<several::Waiting<K>>; 2],
    stepped: Vec<(K, Stepped)>,
}

/// A parameter after its step, and its moments.
#[derive(Debug)]
pub struct Stepped {
    parameter: AnyTensor,
    moments: [AnyTensor; 2],
}

impl Stepped {
    /// The parameter and its moments, of the rank that they had.
    pub fn into_tensors<const D: usize>(self) -> (Tensor<D>, [Tensor<D>; 2]) {
        (
            Tensor::from_dispatch(self.parameter),
            self.moments.map(Tensor::from_dispatch),
        )
    }
}

impl<'a, K> Steps<'a, K> {
    /// None so far. Where a parameter's numbers begin in the table is said with it, not by `dials`.
    pub fn new(dials: Dials<'a>, options: AdamWOptions) -> Self {
        Self {
            dials,
            options,
            #[cfg(feature = "gpu")]
            waiting: [Vec::new(), Vec::new()],
            stepped: Vec::new(),
        }
    }

    /// Adds a parameter, whose numbers begin at element `first` of the table. Operands are those of [`adamw`]; `key` is what the
    /// result is known by.
    ///
    /// # Panics
    ///
    /// Panics if the shapes differ.
    pub fn add<const D: usize>(
        &mut self,
        key: K,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        moments: [Tensor<D>; 2],
        first: usize,
    ) {
        #[cfg(feature = "gpu")]
        if several::takes([&parameter, &gradient, &moments[0], &moments[1]]) {
            super::check(&parameter, &gradient, &moments);
            return self.wait(key, parameter, gradient, moments, first);
        }
        let dials = Dials {
            first,
            ..self.dials
        };
        let (parameter, moments) = adamw(parameter, gradient, moments, dials, self.options);
        let stepped = Stepped {
            parameter: parameter.into_dispatch(),
            moments: moments.map(Tensor::into_dispatch),
        };
        self.stepped.push((key, stepped));
    }

    /// All parameters after their steps.
    pub fn finish(self) -> Vec<(K, Stepped)> {
        #[cfg(feature = "gpu")]
        let this = self.without_waiting();
        #[cfg(not(feature = "gpu"))]
        let this = self;
        this.stepped
    }
}

#[cfg(feature = "gpu")]
mod several {
    use burn::backend::Dispatch;
    use burn::tensor::{DType, Tensor};

    use super::{AnyTensor, Stepped, Steps};
    use crate::adamw::ops::{AdamWGroupOps, AdamWOfEight, AdamWOps, AdamWPlan, AdamWTensors};
    use crate::eight::{EIGHT, queue};

    /// A parameter, its gradient and its moments.
    #[derive(Debug)]
    pub(super) struct Waiting<K> {
        key: K,
        parameter: AnyTensor,
        gradient: AnyTensor,
        moments: [AnyTensor; 2],
        plan: AdamWPlan,
    }

    /// Whether these are on a GPU and in 32 bits.
    pub(super) fn takes<const D: usize>(operands: [&Tensor<D>; 4]) -> bool {
        let device = operands[0].device();
        crate::native::has_cube_kernels(&device, DType::F32)
            && operands.iter().all(|tensor| tensor.dtype() == DType::F32)
    }

    impl<K> Steps<'_, K> {
        pub(super) fn wait<const D: usize>(
            &mut self,
            key: K,
            parameter: Tensor<D>,
            gradient: Tensor<D>,
            moments: [Tensor<D>; 2],
            first: usize,
        ) {
            let waiting = &mut self.waiting[queue(&parameter.dims())];
            waiting.push(Waiting {
                key,
                parameter: parameter.into_dispatch(),
                gradient: gradient.into_dispatch(),
                moments: moments.map(Tensor::into_dispatch),
                plan: AdamWPlan {
                    options: self.options,
                    first_dial: first,
                },
            });
            if waiting.len() == EIGHT {
                let waiting = std::mem::take(waiting);
                self.step(waiting);
            }
        }

        /// With those stepped that are too few for a group.
        pub(super) fn without_waiting(mut self) -> Self {
            for waiting in std::mem::take(&mut self.waiting) {
                self.step(waiting);
            }
            self
        }

        /// Eight at once, fewer one by one.
        fn step(&mut self, waiting: Vec<Waiting<K>>) {
            let (grad_scale, table) = (self.dials.grad_scale, self.dials.table);
            let numbers = || [grad_scale, table].map(|tensor| tensor.clone().into_dispatch());
            match <[Waiting<K>; EIGHT]>::try_from(waiting) {
                Ok(eight) => self.stepped.extend(step_of_eight(eight, numbers())),
                Err(few) => {
                    let few = few.into_iter().map(|one| step_of_one(one, numbers()));
                    self.stepped.extend(few);
                }
            }
        }
    }

    fn step_of_one<K>(one: Waiting<K>, [grad_scale, table]: [AnyTensor; 2]) -> (K, Stepped) {
        let [first, second] = one.moments;
        let input = AdamWTensors {
            parameter: one.parameter,
            gradient: one.gradient,
            first,
            second,
            grad_scale,
            table,
        };
        let (parameter, first, second) = Dispatch::adamw_step(input, one.plan);
        let moments = [first, second];
        (one.key, Stepped { parameter, moments })
    }

    fn step_of_eight<K>(
        eight: [Waiting<K>; EIGHT],
        [grad_scale, table]: [AnyTensor; 2],
    ) -> impl Iterator<Item = (K, Stepped)> {
        let of = |which: fn(&Waiting<K>) -> &AnyTensor| {
            eight.each_ref().map(|one| which(one).clone()).into()
        };
        let input = AdamWOfEight {
            parameters: of(|one| &one.parameter),
            gradients: of(|one| &one.gradient),
            firsts: of(|one| &one.moments[0]),
            seconds: of(|one| &one.moments[1]),
            grad_scale,
            table,
        };
        let plans = eight.each_ref().map(|one| one.plan);
        // What somebody else holds would be copied, not stepped.
        let keys = eight.map(|one| one.key);
        let stepped = Dispatch::adamw_step_of_eight(input, plans);
        let parameters = stepped.parameters.into_array().into_iter();
        let firsts = stepped.firsts.into_array();
        let moments = firsts.into_iter().zip(stepped.seconds.into_array());
        let stepped = parameters.zip(moments);
        let stepped = stepped.map(|(parameter, (first, second))| {
            let moments = [first, second];
            Stepped { parameter, moments }
        });
        keys.into_iter().zip(stepped)
    }
}
