//! The options, one file a section, in the order of a printed plan.

mod data;
mod eval;
mod forecasters;
mod graph_models;
mod graphs;
mod log;
mod lora;
mod model;
mod optim;
mod run;
mod schedule;
mod series;
mod sounds;
mod ssamba;
mod task;
mod train;
mod vim;

pub use data::{
    Augment, Corrupt, DataCommon, DataSpec, Digits, Folder, ImageFolder, ImageOptions, ImageSpec,
    Interpolation, MaskAugment, MaskFolder, MaskOptions, MaskSpec, MaskView, Samples, Shapes,
    Source,
};
pub use eval::{Best, Eval, Weights};
pub use forecasters::{
    CausalMamba, DLinear, MambaSl, RLinear, SMamba, SeriesNorm, TimeMachine, Varying,
};
pub use graph_models::{
    GlobalScan, Gmn, GraphMamba, LocalGnn, NeuralWalker, NodePool, ScanOrder, TokenEncoder,
};
pub use graphs::{
    Batching, Cluster, Communities, GraphCsv, GraphMl, GraphPadding, GraphSpec, Heterophilous,
    Karate, Minesweeper, Ogb, Pattern, RingTransfer, SpecialEdges, TreeNeighborsMatch, Tu,
};
pub use log::Log;
pub use lora::{Lora, ParamRole};
pub use model::ModelSpec;
pub use optim::{Adam, AdamW, Lion, Muon, OptimCommon, OptimSpec};
pub use run::Run;
pub use schedule::{
    Constant, Cosine, Linear, OneCycle, Plateau, Polynomial, ScheduleSpec, Step, Wsd,
};
pub use series::{
    Anomaly, Csv, Ett, Faults, Features, Marks, Missing, Pems, Rhythms, Seasonal, SeriesOptions,
    SeriesProtocol, Solar, Uea,
};
pub use sounds::{
    AudioFolder, AudioOptions, Folds, SoundAugment, SoundLists, SoundSpec, SpeechCommands, Window,
    Words,
};
pub use ssamba::Ssamba;
pub use task::{
    ClassLoss, Classify, ClassifyEdges, ClassifyGraphs, ClassifyNodes, DenseHead, Detect,
    EdgeDecoder, Forecast, ForecastLoss, Impute, LabelGraphs, MaskKeep, MaskShape, MultiLabel,
    PredictLinks, PretrainPatches, RegressGraphs, Rivals, Segment, TapValue, TaskSpec, TokenPool,
};
pub use train::{Frozen, Graph, InitPositions, MicroBatch, Precision, Train};
pub use vim::{ClassToken, DtInit, DtRank, Pool, Scan, Vim, VimMixer, VimSize};
