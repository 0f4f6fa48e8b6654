//! `[lora]`: which parameters get adapters, and which are trained beside them.

use burn::module::Module;
use burn::tensor::Device;
use elapid_config::{ParamRole, Plan};
use elapid_nn::{Init, Place, Role, lora, place_of, role_of};

/// The module with the adapters that a plan asks for. The head gets none: it is trained as a whole.
pub fn with_adapters<M: Module>(plan: &Plan, module: M, device: &Device) -> M {
    let spec = &plan.lora;
    let Some(rank) = spec.rank else {
        return module;
    };
    let targets: Vec<Role> = spec.targets.iter().copied().map(role).collect();
    let alpha = spec.alpha.unwrap_or(rank as f64);
    // The weights have drawn from this seed too, but other shapes.
    let mut init = Init::new(plan.run.seed.wrapping_add(1), device);
    let wanted = |path: &str| place_of(path) != Place::Head && targets.contains(&role_of(path));
    let (module, _) = lora::with_adapters(module, &mut init, rank, alpha, wanted);
    module
}

/// Whether the parameter at `path` stays as it is beside adapters.
pub(super) fn is_frozen(plan: &Plan, path: &str) -> bool {
    let role_here = role_of(path);
    let mut trained = plan.lora.train.iter().copied().map(role);
    plan.lora.rank.is_some()
        && role_here != Role::Adapter
        && place_of(path) != Place::Head
        && !trained.any(|role| role == role_here)
}

fn role(spec: ParamRole) -> Role {
    match spec {
        ParamRole::SsmA => Role::SsmA,
        ParamRole::SsmD => Role::SsmD,
        ParamRole::Dt => Role::Dt,
        ParamRole::Conv => Role::Conv,
        ParamRole::Norm => Role::Norm,
        ParamRole::Bias => Role::Bias,
        ParamRole::Embed => Role::Embed,
        ParamRole::Position => Role::Position,
        ParamRole::ClassToken => Role::ClassToken,
        ParamRole::Matrix => Role::Matrix,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::module::{ModuleMapper, Param};
    use burn::tensor::{Distribution, Tensor, Tolerance};
    use elapid_models::{ImageClassifier, named_params};

    use super::*;
    use crate::registry::{image_classifier, param_rules};

    fn plan(lora: &str) -> Plan {
        let text = format!(
            "[data]\nname = \"digits\"\n[model]\nbackbone = \"vim\"\nimage_size = 16\npatch_size = 4\nchannels = 1\n\
             embed_dim = 16\ndepth = 2\n[task]\nkind = \"classify\"\n[train]\nepochs = 1\nbatch_size = 4\n[lora]\n{lora}"
        );
        elapid_config::parse(&text, Path::new("test.toml")).unwrap()
    }

    fn adapted(plan: &Plan, device: &Device) -> ImageClassifier {
        let model = image_classifier(&mut Init::new(1, device), &plan.model, 10).unwrap();
        with_adapters(plan, model, device)
    }

    /// Every parameter as training might leave it.
    struct Moved;

    impl ModuleMapper for Moved {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let noise = tensor.random_like(Distribution::Normal(0.0, 0.05));
                tensor + noise
            })
        }
    }

    #[test]
    fn merged_weights_give_the_same_scores() {
        let device = Device::flex();
        let plan = plan("rank = 4\nalpha = 8\ntargets = [\"matrix\", \"dt\"]");
        let model = adapted(&plan, &device).map(&mut Moved);
        let images = Tensor::<4>::random([3, 1, 16, 16], Distribution::Normal(0.0, 1.0), &device);
        let expected = model.forward(images.clone(), None);
        let plain = image_classifier(&mut Init::new(1, &device), &plan.model, 10).unwrap();
        let merged = lora::merged(model);
        assert_eq!(merged.num_params(), plain.num_params());
        let scores = merged.forward(images, None).into_data();
        scores.assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    fn roles_decide_what_is_trained() {
        let device = Device::flex();
        let plan = plan("rank = 2\ntrain = [\"norm\", \"ssm_a\"]");
        let model = adapted(&plan, &device);
        let rules = param_rules(&plan, &model, 1);
        for (param, rule) in named_params(&model).iter().zip(rules) {
            let trained = [".lora.", "head.", "norm", "A_log", "A_b_log"];
            let is_trained = trained.iter().any(|part| param.path.contains(part));
            let from = if is_trained { 0 } else { u64::MAX };
            assert_eq!(rule.trained_from, from, "{}", param.path);
            if param.path.contains(".lora.") {
                let is_target = ["in_proj", "x_proj", "out_proj"];
                assert!(
                    is_target.iter().any(|part| param.path.contains(part)),
                    "{}",
                    param.path
                );
            }
        }
        // Without a rank there are none, and everything is trained.
        let plan = self::plan("");
        let model = adapted(&plan, &device);
        assert!(
            param_rules(&plan, &model, 1)
                .iter()
                .all(|rule| rule.trained_from == 0)
        );
    }
}
