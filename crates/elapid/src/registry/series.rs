//! `[model]` of series: specification to forecaster or classifier.

use elapid_config::{self as config, ModelSpec};
use elapid_models::{
    CausalMamba, CausalMambaConfig, Cost, DLinear, DLinearConfig, Forecaster, MambaSl,
    MambaSlConfig, RLinear, RLinearConfig, SMamba, SMambaConfig, TimeMachine, TimeMachineConfig,
};
use elapid_nn::mixer::{MambaConfig, Varying};
use elapid_nn::{Init, SeriesNormMode};

use super::{PlanError, SeriesFacts};

/// What a model takes of series, and what it forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesShape {
    /// Steps that a forecast is made from.
    pub lookback: usize,
    /// Steps that are forecast.
    pub horizon: usize,
}

/// What the data determine of a model of series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesInput {
    /// Variates of a series.
    pub variates: usize,
    /// Time marks of a step.
    pub marks: usize,
    /// Steps of the longest sample; for the cost of a classifier only.
    pub steps: usize,
}

impl SeriesInput {
    /// That of data.
    pub fn of(facts: &SeriesFacts) -> Self {
        Self {
            variates: facts.columns.len(),
            marks: facts.marks,
            steps: facts.steps,
        }
    }
}

/// Lookback and horizon of a forecaster.
///
/// # Errors
///
/// If the model forecasts nothing.
pub fn series_shape(spec: &ModelSpec) -> Result<SeriesShape, PlanError> {
    let (lookback, horizon) = match spec {
        ModelSpec::SMamba(spec) => (spec.lookback, spec.horizon),
        ModelSpec::RLinear(spec) => (spec.lookback, spec.horizon),
        ModelSpec::DLinear(spec) => (spec.lookback, spec.horizon),
        ModelSpec::TimeMachine(spec) => (spec.lookback, spec.horizon),
        ModelSpec::CausalMamba(spec) => (spec.lookback, spec.horizon),
        _ => return Err(not_a_forecaster(spec)),
    };
    Ok(SeriesShape { lookback, horizon })
}

/// The forecaster that a plan names.
///
/// # Errors
///
/// If the model forecasts nothing, or counts variates or marks that the data have not.
pub fn forecaster(
    init: &mut Init,
    spec: &ModelSpec,
    input: SeriesInput,
) -> Result<Forecaster, PlanError> {
    build(init, spec, input, series_shape(spec)?)
}

/// The same network with the lookback in the place of the forecast.
///
/// # Errors
///
/// As [`forecaster`].
pub fn reconstructor(
    init: &mut Init,
    spec: &ModelSpec,
    input: SeriesInput,
) -> Result<Forecaster, PlanError> {
    let SeriesShape { lookback, .. } = series_shape(spec)?;
    let horizon = lookback;
    build(init, spec, input, SeriesShape { lookback, horizon })
}

/// The classifier of whole series that a plan names.
///
/// # Errors
///
/// If the model does not classify series, or counts variates that the data have not.
pub fn series_classifier(
    init: &mut Init,
    spec: &ModelSpec,
    input: SeriesInput,
    classes: usize,
) -> Result<MambaSl, PlanError> {
    match spec {
        ModelSpec::MambaSl(model) => {
            agree("variates", model.variates, input.variates)?;
            Ok(MambaSl::new(init, &mambasl(model), input.variates, classes))
        }
        _ => Err(PlanError(format!(
            "the backbone `{}` does not classify series; use `backbone = \"mambasl\"` in [model]",
            spec.name()
        ))),
    }
}

/// Variates and marks that a model file states, for uses without data.
///
/// # Errors
///
/// If it does not say how many variates there are, and the model has parameters for each.
pub fn stated_input(spec: &ModelSpec) -> Result<SeriesInput, PlanError> {
    use config::SeriesNorm::RevinAffine;
    let (variates, matters, marks) = match spec {
        ModelSpec::SMamba(m) => (m.variates, m.norm == RevinAffine, None),
        ModelSpec::RLinear(m) => (m.variates, m.norm == RevinAffine, None),
        ModelSpec::DLinear(m) => (m.variates, m.individual, None),
        ModelSpec::TimeMachine(m) => (m.variates, m.norm == RevinAffine, None),
        ModelSpec::CausalMamba(m) => (m.variates, m.norm == RevinAffine, m.marks),
        ModelSpec::MambaSl(m) => (m.variates, true, None),
        _ => (None, false, None),
    };
    let variates = match (variates, matters) {
        (Some(variates), _) => variates,
        (None, false) => 1,
        (None, true) => {
            return Err(PlanError(format!(
                "the backbone `{}` has parameters for each variate, and nothing says how many there are; set `variates` in [model]",
                spec.name()
            )));
        }
    };
    let marks = marks.unwrap_or(0);
    let steps = 1;
    Ok(SeriesInput {
        variates,
        marks,
        steps,
    })
}

/// That a classifier needs to know how many classes there are.
pub fn no_classes(spec: &ModelSpec) -> PlanError {
    PlanError(format!(
        "nothing says how many classes the backbone `{}` tells apart; set `kind = \"classify\"` and `classes` in [task]",
        spec.name()
    ))
}

/// What a model of series costs a sample; nothing for other models.
pub(super) fn series_cost(spec: &ModelSpec, input: SeriesInput, classes: usize) -> Cost {
    let shape = |lookback, horizon| SeriesShape { lookback, horizon };
    match spec {
        ModelSpec::SMamba(m) => {
            smamba(m, shape(m.lookback, m.horizon)).cost(input.variates, input.marks)
        }
        ModelSpec::RLinear(m) => rlinear(m, shape(m.lookback, m.horizon)).cost(input.variates),
        ModelSpec::DLinear(m) => dlinear(m, shape(m.lookback, m.horizon)).cost(input.variates),
        ModelSpec::TimeMachine(m) => {
            time_machine(m, shape(m.lookback, m.horizon)).cost(input.variates)
        }
        ModelSpec::CausalMamba(m) => {
            causal_mamba(m, shape(m.lookback, m.horizon), input.marks).cost(input.variates)
        }
        ModelSpec::MambaSl(m) => mambasl(m).cost(input.variates, input.steps, classes),
        _ => Cost::default(),
    }
}

fn build(
    init: &mut Init,
    spec: &ModelSpec,
    input: SeriesInput,
    shape: SeriesShape,
) -> Result<Forecaster, PlanError> {
    let variates = input.variates;
    Ok(match spec {
        ModelSpec::SMamba(model) => {
            agree("variates", model.variates, variates)?;
            Forecaster::SMamba(SMamba::new(init, &smamba(model, shape), variates))
        }
        ModelSpec::RLinear(model) => {
            agree("variates", model.variates, variates)?;
            Forecaster::RLinear(RLinear::new(init, &rlinear(model, shape), variates))
        }
        ModelSpec::DLinear(model) => {
            agree("variates", model.variates, variates)?;
            Forecaster::DLinear(DLinear::new(init, &dlinear(model, shape), variates))
        }
        ModelSpec::TimeMachine(model) => {
            agree("variates", model.variates, variates)?;
            let config = time_machine(model, shape);
            Forecaster::TimeMachine(TimeMachine::new(init, &config, variates))
        }
        ModelSpec::CausalMamba(model) => {
            agree("variates", model.variates, variates)?;
            // A model may leave out the marks that the data have.
            if model.marks != Some(0) {
                agree("marks", model.marks, input.marks)?;
            }
            let config = causal_mamba(model, shape, model.marks.unwrap_or(input.marks));
            Forecaster::CausalMamba(CausalMamba::new(init, &config, variates))
        }
        _ => return Err(not_a_forecaster(spec)),
    })
}

fn agree(key: &str, stated: Option<usize>, found: usize) -> Result<(), PlanError> {
    match stated.filter(|stated| *stated != found) {
        None => Ok(()),
        Some(stated) => Err(PlanError(format!(
            "`{key}` in [model] is {stated}, but the data have {found}; leave it out, or set it to {found}"
        ))),
    }
}

fn not_a_forecaster(spec: &ModelSpec) -> PlanError {
    PlanError(format!(
        "the backbone `{}` forecasts no series; use `smamba`, `rlinear`, `dlinear`, `timemachine` or `causal_mamba` as `backbone` in [model]",
        spec.name()
    ))
}

fn norm(norm: config::SeriesNorm) -> SeriesNormMode {
    match norm {
        config::SeriesNorm::None => SeriesNormMode::None,
        config::SeriesNorm::Instance => SeriesNormMode::Instance,
        config::SeriesNorm::InstanceDetached => SeriesNormMode::InstanceDetached,
        config::SeriesNorm::RevinAffine => SeriesNormMode::RevinAffine,
        config::SeriesNorm::LastValue => SeriesNormMode::LastValue,
        config::SeriesNorm::MeanOnly => SeriesNormMode::MeanOnly,
    }
}

fn mamba(d_model: usize, d_state: usize, d_conv: usize, expand: usize) -> MambaConfig {
    MambaConfig {
        d_state,
        d_conv,
        expand,
        ..MambaConfig::new(d_model)
    }
}

fn smamba(spec: &config::SMamba, shape: SeriesShape) -> SMambaConfig {
    SMambaConfig {
        lookback: shape.lookback,
        horizon: shape.horizon,
        layers: spec.layers,
        d_ff: spec.d_ff,
        mamba: mamba(spec.d_model, spec.d_state, spec.d_conv, spec.expand),
        norm: norm(spec.norm),
        dropout: spec.dropout,
    }
}

fn rlinear(spec: &config::RLinear, shape: SeriesShape) -> RLinearConfig {
    RLinearConfig {
        lookback: shape.lookback,
        horizon: shape.horizon,
        norm: norm(spec.norm),
        dropout: spec.dropout,
    }
}

fn dlinear(spec: &config::DLinear, shape: SeriesShape) -> DLinearConfig {
    DLinearConfig {
        lookback: shape.lookback,
        horizon: shape.horizon,
        moving_avg: spec.moving_avg,
        individual: spec.individual,
    }
}

fn time_machine(spec: &config::TimeMachine, shape: SeriesShape) -> TimeMachineConfig {
    TimeMachineConfig {
        lookback: shape.lookback,
        horizon: shape.horizon,
        n1: spec.fine,
        n2: spec.coarse,
        d_state: spec.d_state,
        d_conv: spec.d_conv,
        expand: spec.expand,
        independent: spec.independent,
        residual: spec.residual,
        norm: norm(spec.norm),
        dropout: spec.dropout,
    }
}

fn causal_mamba(spec: &config::CausalMamba, shape: SeriesShape, marks: usize) -> CausalMambaConfig {
    CausalMambaConfig {
        lookback: shape.lookback,
        horizon: shape.horizon,
        patch: spec.patch,
        layers: spec.layers,
        mamba: mamba(spec.d_model, spec.d_state, spec.d_conv, spec.expand),
        norm: norm(spec.norm),
        norm_steps: spec.norm_steps,
        marks,
        dropout: spec.dropout,
    }
}

fn mambasl(spec: &config::MambaSl) -> MambaSlConfig {
    use config::Varying as V;
    let varies = |among: [V; 4]| among.contains(&spec.varying);
    MambaSlConfig {
        mamba: mamba(spec.d_model, spec.d_state, spec.d_conv, spec.expand),
        varying: Varying {
            dt: varies([V::Dt, V::DtB, V::DtC, V::All]),
            b: varies([V::B, V::DtB, V::BC, V::All]),
            c: varies([V::C, V::DtC, V::BC, V::All]),
        },
        skip: spec.skip,
        kernel: spec.kernel,
        heads: spec.heads,
        dropout: spec.dropout,
    }
}
