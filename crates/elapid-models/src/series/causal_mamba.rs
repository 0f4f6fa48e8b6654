//! A forecaster that scans over time from left to right, and can go on where it stopped.
//!
//! Patches of each variate are the tokens of a pre-norm stack of Mamba-1 blocks (arXiv 2312.00752); what lies behind a
//! patch is forecast from its token. No published checkpoint has this form.

use burn::module::{Module, list_param_ids};
use burn::tensor::{Tensor, s};
use elapid_nn::mixer::{Mamba, MambaCache, MambaConfig};
use elapid_nn::{
    Init, Linear, Noise, Norm, Seen, SeriesNorm, SeriesNormMode, SeriesStatistics, dropout, show,
};

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct CausalMambaConfig {
    /// Steps of the lookback L, a multiple of `patch`.
    pub lookback: usize,
    /// Steps of the forecast H.
    pub horizon: usize,
    /// Steps of a patch.
    pub patch: usize,
    /// Number of blocks.
    pub layers: usize,
    /// The mixer of every block; its `d_model` is the model width.
    pub mamba: MambaConfig,
    /// Normalisation of each series.
    pub norm: SeriesNormMode,
    /// Steps at the start of the lookback that statistics are taken from; forecasts from there on count in training.
    pub norm_steps: usize,
    /// Time marks M of a step; 0 for a model that takes none.
    pub marks: usize,
    /// Dropout rate behind the embedding and of every block's output.
    pub dropout: f64,
}

/// A mixer and the norm in front of it.
#[derive(Module, Debug)]
pub struct CausalBlock {
    /// Normalises the residual stream.
    pub norm: Norm,
    /// Mixes steps.
    pub mixer: Mamba,
}

/// The forecaster. Every variate is a sequence of its own; all share the weights.
#[derive(Module, Debug)]
pub struct CausalMamba {
    /// Normalisation.
    pub revin_layer: SeriesNorm,
    /// Patches to tokens, `[D, P]`.
    pub value_embedding: Linear,
    /// Marks of a patch's last step to what is added to its token, `[D, M]`.
    pub mark_embedding: Option<Linear>,
    /// Blocks.
    pub layers: Vec<CausalBlock>,
    /// Norm behind the last block.
    pub norm_f: Norm,
    /// Tokens to what lies behind their patch, `[H, D]`.
    pub head: Linear,
    norm_steps: usize,
    dropout: f64,
}

/// Where a [`CausalMamba`] stands in series that it reads bit by bit.
#[derive(Clone, Debug)]
pub struct Stream {
    statistics: SeriesStatistics,
    caches: Vec<MambaCache>,
}

impl CausalMamba {
    /// Initialisation of Mamba's language models: output projections scaled by `1/√layers`. `variates` counts only where
    /// the norm learns something of each.
    pub fn new(init: &mut Init, config: &CausalMambaConfig, variates: usize) -> Self {
        let width = config.mamba.d_model;
        let mamba = MambaConfig {
            out_scale: 1.0 / (config.layers as f64).sqrt(),
            ..config.mamba.clone()
        };
        let revin_layer = SeriesNorm::new(init, config.norm, variates);
        let value_embedding = Linear::new(init, config.patch, width, true);
        let marks = config.marks;
        let mark_embedding = (marks > 0).then(|| Linear::new(init, marks, width, false));
        let layers = (0..config.layers).map(|_| CausalBlock {
            norm: Norm::new(init, true, width, 1e-5),
            mixer: Mamba::new(init, &mamba),
        });
        let layers = layers.collect();
        Self {
            revin_layer,
            value_embedding,
            mark_embedding,
            layers,
            norm_f: Norm::new(init, true, width, 1e-5),
            head: Linear::new(init, width, config.horizon, true),
            norm_steps: config.norm_steps,
            dropout: config.dropout,
        }
    }

    /// What follows the lookback.
    ///
    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - marks `[B, L, M]`
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(
        &self,
        past: Tensor<3>,
        marks: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        let last = past.dims()[1] / self.patch() - 1;
        self.forecasts(past, marks, last, noise).squeeze_dim(1)
    }

    /// What follows each patch from number [`first_counted`](Self::first_counted) on.
    ///
    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - marks `[B, L, M]`
    /// - output `[B, patches, H, C]`, 32-bit
    pub fn dense(
        &self,
        past: Tensor<3>,
        marks: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> Tensor<4> {
        self.forecasts(past, marks, self.first_counted(), noise)
    }

    /// The first patch whose normalisation knows nothing of what lies behind it.
    pub fn first_counted(&self) -> usize {
        self.norm_steps.div_ceil(self.patch()) - 1
    }

    /// Steps of a patch.
    pub fn patch(&self) -> usize {
        self.value_embedding.weight.dims()[1]
    }

    /// Steps of the forecast.
    pub fn horizon(&self) -> usize {
        self.head.weight.dims()[0]
    }

    /// Time marks of a step.
    pub fn marks(&self) -> usize {
        let embedding = self.mark_embedding.as_ref();
        embedding.map_or(0, |embedding| embedding.weight.dims()[1])
    }

    /// Begins to read series. Statistics are those of their first steps, and stay so however long they go on.
    ///
    /// # Shapes
    ///
    /// - past `[B, T, C]` with at least as many steps as statistics are taken from, in whole patches
    /// - marks `[B, T, M]`
    /// - output `[B, patches, H, C]`: what follows each patch, as [`resume`](Self::resume) gives it
    pub fn start(&self, past: Tensor<3>, marks: Option<Tensor<3>>) -> (Tensor<4>, Stream) {
        let [batch, _, variates] = past.dims();
        let sequences = batch * variates;
        let empty = self.layers.iter();
        let stream = Stream {
            statistics: self.statistics(&past),
            caches: empty
                .map(|block| block.mixer.empty_cache(sequences))
                .collect(),
        };
        self.resume(past, marks, stream)
    }

    /// Goes on with series by any number of patches, and forecasts what follows each of them. The cost does not depend
    /// on what was read before.
    ///
    /// # Shapes
    ///
    /// - more `[B, T, C]`, in whole patches
    /// - marks `[B, T, M]`
    /// - output `[B, patches, H, C]`, 32-bit
    pub fn resume(
        &self,
        more: Tensor<3>,
        marks: Option<Tensor<3>>,
        stream: Stream,
    ) -> (Tensor<4>, Stream) {
        let Stream { statistics, caches } = stream;
        let [batch, _, variates] = more.dims();
        let mut hidden = self.tokens(more, marks, &statistics);
        let mut residual = None;
        let mut next = Vec::with_capacity(caches.len());
        for (block, cache) in self.layers.iter().zip(caches) {
            let (normal, stream) = block.norm.add(hidden, residual, None, true);
            let (mixed, cache) = block.mixer.forward_with_cache(normal, None, cache);
            (hidden, residual) = (mixed, Some(stream));
            next.push(cache);
        }
        let tokens = self.norm_f.add(hidden, residual, None, true).0;
        let caches = next;
        let forecasts = self.read(tokens, [batch, variates], &statistics);
        (forecasts, Stream { statistics, caches })
    }

    /// What follows each patch from number `first` on, `[B, patches, H, C]`.
    fn forecasts(
        &self,
        past: Tensor<3>,
        marks: Option<Tensor<3>>,
        first: usize,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<4> {
        let [batch, _, variates] = past.dims();
        let statistics = self.statistics(&past);
        let tokens = self.tokens(past, marks, &statistics);
        let mut hidden = dropout(tokens, self.dropout, noise.as_deref_mut());
        show(noise.as_deref_mut(), || {
            Seen::output(&self.value_embedding, hidden.clone())
        });
        let mut residual = None;
        for block in &self.layers {
            let (normal, stream) = block.norm.add(hidden, residual, None, true);
            let mixed = block.mixer.forward(normal.clone(), None);
            show(noise.as_deref_mut(), || Seen {
                params: list_param_ids(block),
                stream: Some(stream.clone()),
                output: mixed.clone(),
                dynamics: block.mixer.dynamics(normal.clone(), None),
            });
            hidden = dropout(mixed, self.dropout, noise.as_deref_mut());
            residual = Some(stream);
        }
        let tokens = self.norm_f.add(hidden, residual, None, true).0;
        let tokens = tokens.slice(s![.., first.., ..]);
        self.read(tokens, [batch, variates], &statistics)
    }

    /// Statistics of the first steps.
    fn statistics(&self, past: &Tensor<3>) -> SeriesStatistics {
        let steps = self.norm_steps.min(past.dims()[1]);
        let first = past.clone().slice(s![.., ..steps, ..]);
        self.revin_layer.statistics(&first)
    }

    /// Series as tokens, `[B · C, patches, D]`.
    fn tokens(
        &self,
        series: Tensor<3>,
        marks: Option<Tensor<3>>,
        statistics: &SeriesStatistics,
    ) -> Tensor<3> {
        let (dtype, [batch, steps, variates]) = (series.dtype(), series.dims());
        let patch = self.patch();
        let patches = steps / patch;
        let values = self.revin_layer.normalise(series, statistics).cast(dtype);
        let values = values.swap_dims(1, 2);
        let values = values.reshape([batch * variates, patches, patch]);
        let tokens = self.value_embedding.forward(values);
        let (Some(embedding), Some(marks)) = (&self.mark_embedding, marks) else {
            return tokens;
        };
        let [_, _, width] = tokens.dims();
        let count = marks.dims()[2];
        let marks = marks.cast(dtype).reshape([batch, patches, patch, count]);
        let last = marks.slice(s![.., .., patch - 1..patch, ..]);
        let added = embedding.forward(last.squeeze_dim::<3>(2));
        let tokens = tokens.reshape([batch, variates, patches, width]);
        let tokens = tokens + added.unsqueeze_dim::<4>(1);
        tokens.reshape([batch * variates, patches, width])
    }

    /// Tokens `[B · C, patches, D]` to forecasts `[B, patches, H, C]`.
    fn read(
        &self,
        tokens: Tensor<3>,
        [batch, variates]: [usize; 2],
        statistics: &SeriesStatistics,
    ) -> Tensor<4> {
        let forecasts = self.head.forward(tokens);
        let [_, patches, horizon] = forecasts.dims();
        let forecasts = forecasts.reshape([batch, variates, patches * horizon]);
        let forecasts = forecasts.swap_dims(1, 2);
        let forecasts = self.revin_layer.denormalise(forecasts, statistics);
        forecasts.reshape([batch, patches, horizon, variates])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, Tolerance};

    fn config(patch: usize) -> CausalMambaConfig {
        CausalMambaConfig {
            lookback: 24,
            horizon: 5,
            patch,
            layers: 3,
            mamba: MambaConfig {
                d_state: 4,
                ..MambaConfig::new(16)
            },
            norm: SeriesNormMode::RevinAffine,
            norm_steps: 12,
            marks: 2,
            dropout: 0.1,
        }
    }

    fn series(device: &Device, marks: usize) -> Tensor<3> {
        let normal = Distribution::Normal(1.0, 2.0);
        Tensor::random([2, 24, marks], normal, device)
    }

    fn close(a: Tensor<4>, b: Tensor<4>) {
        let tolerance = Tolerance::rel_abs(1e-4, 1e-5);
        a.into_data()
            .assert_approx_eq::<f32>(&b.into_data(), tolerance);
    }

    /// Rows that arrive a patch at a time, in front of which a window was read, give what one pass over all of them
    /// gives.
    #[test]
    fn a_stream_equals_the_parallel_form() {
        let device = Device::flex();
        for patch in [1, 4] {
            let model = CausalMamba::new(&mut Init::new(0, &device), &config(patch), 3);
            let (x, marks) = (series(&device, 3), series(&device, 2));
            let all = model.dense(x.clone(), Some(marks.clone()), None);
            let first = model.first_counted();
            assert_eq!(all.dims(), [2, 24 / patch - first, 5, 3]);

            let rows =
                |x: &Tensor<3>, rows: std::ops::Range<usize>| x.clone().slice(s![.., rows, ..]);
            let (begun, mut stream) = model.start(rows(&x, 0..12), Some(rows(&marks, 0..12)));
            let mut found = vec![begun.slice(s![.., first.., .., ..])];
            for at in (12..24).step_by(patch) {
                let part = at..at + patch;
                let marks = Some(rows(&marks, part.clone()));
                let (forecast, next) = model.resume(rows(&x, part), marks, stream);
                found.push(forecast);
                stream = next;
            }
            close(Tensor::cat(found, 1), all.clone());
            let last = model.forward(x, Some(marks), None).unsqueeze_dim::<4>(1);
            let count = all.dims()[1];
            close(last, all.slice(s![.., count - 1..count, .., ..]));
        }
    }

    #[test]
    fn a_forecast_that_counts_knows_nothing_of_what_comes() {
        let device = Device::flex();
        let model = CausalMamba::new(&mut Init::new(0, &device), &config(2), 3);
        let x = series(&device, 3);
        let later = x.clone().slice(s![.., 18.., ..]) * 3.0 + 1.0;
        let changed = Tensor::cat(vec![x.clone().slice(s![.., ..18, ..]), later], 1);
        let [before, after] = [x, changed].map(|x| model.dense(x, None, None));
        // Patches 5 to 8 end in front of step 18.
        let known = s![.., ..4, .., ..];
        assert_eq!(
            before.clone().slice(known).into_data(),
            after.clone().slice(known).into_data()
        );
        let apart = (before - after).abs().max().into_scalar::<f32>();
        assert!(apart > 0.1);
    }
}
