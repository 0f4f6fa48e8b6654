"""Models of series with random weights, run by the official code: outputs, and gradients by every parameter.

    python generate.py --smamba PATH --time-machine PATH --library PATH --mamba PATH

The paths are checkouts of wzhwzhwzh0921/S-D-Mamba, Atik-Ahamed/TimeMachine, thuml/Time-Series-Library and
state-spaces/mamba. Needs torch, numpy, einops and safetensors. Their Mamba is the official mixer on its unfused path with
`selective_scan_ref`. Every folder of a model has one `NAME.toml` a case, and the files that it names.
"""

import argparse
import importlib
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, official_mamba, record
from support.modules import module, no_rounding_to_f32

SEED = 3
BATCH, VARIATES, MARKS, STEPS, CLASSES = 2, 3, 4, 14, 5
# What names in `model.toml` are called by the official programs, and what these need beside.
SMAMBA = {"lookback": "seq_len", "horizon": "pred_len", "layers": "e_layers"}
TIME_MACHINE = {
    "lookback": "seq_len",
    "horizon": "pred_len",
    "fine": "n1",
    "coarse": "n2",
    "independent": "ch_ind",
    "d_conv": "dconv",
    "expand": "e_fact",
}
MAMBASL = {"d_state": "d_ff", "kernel": "num_kernels", "heads": "n_heads", "skip": "use_D"}
DLINEAR = {"lookback": "seq_len", "horizon": "pred_len"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("--smamba", "--time-machine", "--library", "--mamba"):
        arguments.add_argument(name, type=Path, required=True)
    paths = arguments.parse_args()
    mixer = official_mamba.mixer(paths.mamba)
    sys.modules["mamba_ssm"].Mamba = mixer
    module("reformer_pytorch", LSHSelfAttention=None)
    measured = smamba(paths.smamba) | time_machine(paths.time_machine) | library(paths.library)
    write_case(paths, measured)


class Checkout:
    """The packages of a checkout; another one's are forgotten, since all call theirs alike."""

    def __init__(self, path):
        for name in list(sys.modules):
            if name.split(".")[0] in ("layers", "model", "models", "utils", "RevIN"):
                del sys.modules[name]
        sys.path.insert(0, str(path))

    def load(self, name):
        return importlib.import_module(name)


def smamba(path):
    official = Checkout(path).load("model.S_Mamba")
    measured = {}
    for name in ("marks", "plain"):
        options, arguments = settings("smamba", name, SMAMBA)
        arguments |= {"output_attention": False, "embed": "timeF", "freq": "h"}
        arguments |= {"class_strategy": "projection", "activation": "gelu"}
        network = official.Model(SimpleNamespace(**arguments))
        inputs = series("smamba", options)
        if name == "marks":
            inputs["marks"] = 0.3 * fill.normal(SEED, "marks", (BATCH, options["lookback"], MARKS))

        def run(network, tensors):
            return network(tensors["input"].clone(), tensors.get("marks"), None, None)

        measured |= write("smamba", name, network, inputs, run, "forecast", "weights")
    return measured


def time_machine(path):
    official = Checkout(path / "TimeMachine_supervised").load("models.TimeMachine")
    measured = {}
    for name in ("independent", "tokens"):
        options, arguments = settings("time_machine", name, TIME_MACHINE)
        # Absent is RevIN, the default; the other case has plain instance norm.
        arguments |= {"revin": int("norm" not in options), "enc_in": VARIATES}
        network = official.Model(SimpleNamespace(**arguments))
        inputs = series("time_machine", options)

        def run(network, tensors):
            return network(tensors["input"].clone())

        measured |= write("time_machine", name, network, inputs, run, "forecast", name)
    return measured


def library(path):
    checkout = Checkout(path)
    block = checkout.load("layers.MambaBlock")
    scan = sys.modules["mamba_ssm.ops.selective_scan_interface"]
    block.selective_scan_fn = scan.selective_scan_ref
    measured = {}
    official = checkout.load("models.MambaSingleLayer")
    for name in ("varying", "constant", "mixed"):
        options, arguments = settings("mambasl", name, MAMBASL)
        parts = {"all": "dt_b_c", "none": ""}.get(options["varying"], options["varying"]).split("_")
        arguments |= {f"tv_{part}": int(part.lower() in parts) for part in ("dt", "B", "C")}
        arguments |= {"task_name": "classification", "seq_len": STEPS, "label_len": 0, "pred_len": 0}
        arguments |= {"c_out": 1, "enc_in": VARIATES, "num_class": CLASSES, "device": "cpu"}
        arguments |= {"embed": "timeF", "freq": "h"}
        network = official.Model(SimpleNamespace(**arguments))
        lengths = torch.tensor([STEPS, STEPS - 5.0])
        steps = torch.arange(STEPS)
        values = fill.normal(SEED, "mambasl", (BATCH, STEPS, VARIATES))
        inputs = {"input": values * (steps < lengths[:, None])[..., None], "lengths": lengths}

        def run(network, tensors):
            mask = (steps < tensors["lengths"][:, None]).to(tensors["input"].dtype)
            return network(tensors["input"], mask)

        measured |= write("mambasl", name, network, inputs, run, "logits", name)
    official = checkout.load("models.DLinear")
    for name in ("shared", "individual"):
        options, arguments = settings("dlinear", name, DLINEAR)
        arguments |= {"task_name": "long_term_forecast", "enc_in": VARIATES}
        individual = arguments.pop("individual", False)
        network = official.Model(SimpleNamespace(**arguments), individual)
        inputs = series("dlinear", options)

        def run(network, tensors):
            return network(tensors["input"], None, None, None)

        measured |= write("dlinear", name, network, inputs, run, "forecast", name)
    return measured


def settings(folder, name, renamed):
    """The `[model]` of a case, and the same under official names; dropout does nothing here."""
    options = tomllib.loads((HERE / folder / f"{name}.toml").read_text())["model"]
    plain = {key: value for key, value in options.items() if key not in ("backbone", "varying")}
    official = {renamed.get(key, key): value for key, value in plain.items()}
    return options, {"dropout": 0.1, **official}


def series(name, options):
    """A lookback whose variates differ in level and scale."""
    values = fill.normal(SEED, name, (BATCH, options["lookback"], VARIATES))
    scale = torch.tensor([1.0, 3.0, 0.4])
    return {"input": values * scale + torch.tensor([0.0, 5.0, -2.0])}


def evaluate(network, inputs, weight, run):
    """The output, and gradients of sum(output · weight) by every parameter that has one."""
    network.zero_grad(set_to_none=True)
    output = run(network, inputs)
    (output * weight).sum().backward()
    named = network.named_parameters()
    return output.detach(), {name: p.grad for name, p in named if p.grad is not None}


def write(folder, name, network, inputs, run, what, weights):
    """Writes a case, checks that its files give it again, and returns its `[measured]` lines."""
    network = network.eval()
    fill.fill(network, SEED)
    place = HERE / folder
    with torch.no_grad():
        shape = run(network, inputs).shape
    weight = fill.normal(SEED, f"{folder} {name}", shape)
    output, gradients = evaluate(network, inputs, weight, run)
    record.save(place / f"{weights}.safetensors", network.state_dict() if weights == "weights" else parameters(network))
    record.save(place / f"{name}_input.safetensors", inputs | {"loss_weight": weight})
    record.save(place / f"{name}_expected.safetensors", {what: output} | {f"gradient.{key}": g for key, g in gradients.items()})

    stored = load_file(place / f"{weights}.safetensors")
    missing = network.load_state_dict(stored, strict=False).missing_keys
    assert all(key.endswith(".pe") for key in missing), missing
    again, gradients_again = evaluate(network, load_file(place / f"{name}_input.safetensors"), weight, run)
    recorded = load_file(place / f"{name}_expected.safetensors")
    record.assert_equal(place, recorded[what], again)
    for key, gradient in gradients_again.items():
        record.assert_equal(place / key, recorded[f"gradient.{key}"], gradient)

    in_f64 = {key: tensor.double() for key, tensor in inputs.items()}
    with no_rounding_to_f32():
        output_f64, gradients_f64 = evaluate(network.double(), in_f64, weight.double(), run)
    apart = record.largest_difference(output, output_f64)
    pairs = [(gradients[key], gradients_f64[key]) for key in gradients]
    gradient = max(record.largest_difference(*pair) for pair in pairs)
    lines = f"largest_output = {output.abs().max().item():.3f}\noutput_f32_against_f64 = {apart:.1e}\n"
    return {f"{folder}.{name}": f"{lines}gradients_f32_against_f64 = {gradient:.1e}\n"}


def parameters(network):
    """The state dict without tables that the model computes."""
    return {key: t for key, t in network.state_dict().items() if not key.endswith(".pe")}


def write_case(paths, measured):
    tables = "\n".join(f"[measured.{name}]\n{lines}" for name, lines in measured.items())
    revisions = ""
    for name in ("smamba", "time_machine", "library", "mamba"):
        line = record.provenance(getattr(paths, name)).splitlines()[0]
        revisions += line.replace("revision", f"revision_{name}", 1) + "\n"
    text = f"""what = "Forecasters and a classifier of series with random weights: outputs, and gradients by every parameter"
source = "S-D-Mamba: model/S_Mamba.py; TimeMachine: models/TimeMachine.py; Time-Series-Library: models/MambaSingleLayer.py, models/DLinear.py; mamba: mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --smamba PATH --time-machine PATH --library PATH --mamba PATH"
{revisions}{record.versions("torch", "einops")}
[tolerance]
relative = 1e-4
absolute = 1e-4

# Largest absolute values and differences.
{tables}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()
