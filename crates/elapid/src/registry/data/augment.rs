//! `[data]` and `[data.augment]`: specification to what is done with images.

use elapid_config::{
    Augment as Spec, Corrupt as Policy, DataSpec, ImageSpec, Interpolation as Kernel, Plan, Source,
};
use elapid_data::{Augment, Corrupt, Interpolation, Mixing, Order, RandAugment, RandomCrop};

/// What is done to each training image.
pub(super) fn augment(spec: &Spec) -> Augment {
    let crop = spec.crop_area.map(|area| RandomCrop {
        area,
        aspect: spec.crop_aspect,
    });
    let rand_augment = spec.rand_augment.map(|level| RandAugment {
        operations: spec.rand_augment_ops,
        level,
        deviation: spec.rand_augment_std,
    });
    Augment {
        crop,
        shift: u32::try_from(spec.shift).unwrap_or(u32::MAX),
        rotate: spec.rotate as f32,
        scale: spec.scale as f32,
        elastic: spec.elastic as f32,
        hflip: spec.hflip,
        rand_augment,
        colour_jitter: spec.color_jitter as f32,
        erase: spec.erase,
    }
}

/// How training batches are mixed, if they are.
pub(super) fn mixing(spec: &Spec) -> Option<Mixing> {
    let is_mixed = (spec.mixup > 0.0 || spec.cutmix > 0.0) && spec.mix_probability > 0.0;
    is_mixed.then_some(Mixing {
        mixup: spec.mixup,
        cutmix: spec.cutmix,
        probability: spec.mix_probability,
        switch: spec.cutmix_share,
    })
}

/// The order in which images are trained on.
pub(super) fn order(plan: &Plan, images: &ImageSpec) -> Order {
    Order {
        repeats: images.augment.repeats,
        ..Order::plain(plan.train.batch_size, plan.run.seed)
    }
}

/// What happens to images that cannot be decoded.
pub(super) fn corrupt(spec: &DataSpec) -> Corrupt {
    let policy = match &spec.source {
        Source::ImageFolder(s) | Source::TarShards(s) => s.corrupt,
        Source::TinyImageNet(s) => s.corrupt,
        _ => Policy::Error,
    };
    match policy {
        Policy::Skip => Corrupt::Skip,
        Policy::Error => Corrupt::Error,
    }
}

/// How images are brought to size.
pub(super) fn interpolation(images: &ImageSpec) -> Interpolation {
    kernel(images.options.interpolation)
}

pub(super) fn kernel(spec: Kernel) -> Interpolation {
    match spec {
        Kernel::Bicubic => Interpolation::Bicubic,
        Kernel::Bilinear => Interpolation::Bilinear,
        Kernel::Linear => Interpolation::Linear,
    }
}
