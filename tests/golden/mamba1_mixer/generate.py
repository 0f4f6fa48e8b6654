"""One Mamba-1 mixer of the official code: output, gradients, and the same outputs step by step.

    python generate.py --mamba PATH    # a checkout of state-spaces/mamba

Needs torch, numpy, einops and safetensors. The mixer takes its unfused path with
`selective_scan_ref`, both official and both plain PyTorch.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, official_mamba, record
from support.modules import no_rounding_to_f32

SEED = 2
BATCH, LENGTH = 2, 11
SIZES = {"d_model": 12, "d_state": 5, "d_conv": 4, "expand": 2}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--mamba", type=Path, required=True, help="checkout of state-spaces/mamba"
    )
    checkout = arguments.parse_args().mamba
    mamba = official_mamba.mixer(checkout)
    mixer = mamba(**SIZES)
    fill.fill(mixer, SEED)
    shape = (BATCH, LENGTH, SIZES["d_model"])
    inputs = {name: fill.normal(SEED, name, shape) for name in ("input", "loss_weight")}
    expected, gradients = evaluate(mixer, **inputs)

    record.save(HERE / "weights.safetensors", mixer.state_dict())
    record.save(HERE / "input.safetensors", inputs)
    record.save(HERE / "expected.safetensors", expected)
    record.save(HERE / "gradients.safetensors", gradients)
    check_files(mamba)
    write_case(checkout, mixer, inputs, expected, gradients)


def evaluate(mixer, input, loss_weight):
    """Outputs and caches of both forms; gradients of sum(output · loss_weight)."""
    input = input.clone().requires_grad_()
    mixer.zero_grad()
    output = mixer(input)
    (output * loss_weight).sum().backward()
    gradients = {name: parameter.grad for name, parameter in mixer.named_parameters()}
    expected = {"output": output, **steps(mixer, input)}
    return expected, {"input": input.grad, **gradients}


@torch.no_grad()
def steps(mixer, input):
    """Token by token: outputs, and the caches behind the last token."""
    columns, state = mixer.allocate_inference_cache(BATCH, LENGTH)
    outputs = [mixer.step(token, columns, state)[0] for token in input.split(1, dim=1)]
    return {"step_output": torch.cat(outputs, dim=1), "conv_state": columns, "ssm_state": state}


def check_files(mamba):
    """The weights, loaded strictly into a new mixer, give the recorded tensors."""
    mixer = mamba(**SIZES)
    mixer.load_state_dict(load_file(HERE / "weights.safetensors"))
    again = evaluate(mixer, **load_file(HERE / "input.safetensors"))
    for name, tensors in zip(("expected", "gradients"), again):
        path = HERE / f"{name}.safetensors"
        recorded = load_file(path)
        assert recorded.keys() == tensors.keys()
        for key, tensor in tensors.items():
            record.assert_equal(path, recorded[key], tensor)


def write_case(checkout, mixer, inputs, expected, gradients):
    in_f64 = {name: tensor.double() for name, tensor in inputs.items()}
    with no_rounding_to_f32():
        expected_f64, gradients_f64 = evaluate(mixer.double(), **in_f64)
    forms = record.largest_difference(expected_f64["output"], expected_f64["step_output"])
    assert forms < 1e-12, f"parallel and step form differ by {forms}"
    output = record.largest_difference(expected["output"], expected_f64["output"])
    pairs = [(gradients[name], gradients_f64[name]) for name in gradients]
    gradient = max(record.largest_difference(*pair) for pair in pairs)
    largest = max(tensor.abs().max().item() for tensor in gradients.values())
    text = f"""what = "Mamba-1 mixer: output, all gradients, step form and its caches"
source = "state-spaces/mamba: mamba_ssm/modules/mamba_simple.py, selective_scan_ref"
command = "python generate.py --mamba PATH"
{record.provenance(checkout, "einops")}
[mixer]
d_model = {SIZES["d_model"]}
d_state = {SIZES["d_state"]}
d_conv = {SIZES["d_conv"]}
expand = {SIZES["expand"]}
dt_rank = {mixer.dt_rank}

[tolerance.expected]
relative = 1e-4
absolute = 1e-5

[tolerance.gradients]
relative = 1e-4
absolute = 1e-4

# Largest absolute values and differences.
[measured]
largest_output = {expected["output"].abs().max().item():.3f}
largest_gradient = {largest:.3f}
output_f32_against_f64 = {output:.1e}
gradients_f32_against_f64 = {gradient:.1e}
parallel_against_step_f64 = {forms:.1e}
"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()
