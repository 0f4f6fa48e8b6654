"""What both official repositories need to run on a CPU and in double precision."""

import contextlib
import sys
from types import ModuleType
from unittest import mock

import torch


def module(name, **attributes):
    """Registers a stand-in module of this name and content."""
    stand_in = ModuleType(name)
    vars(stand_in).update(attributes)
    sys.modules[name] = stand_in


@contextlib.contextmanager
def no_rounding_to_f32():
    """The official code rounds A, D and the step-size bias to f32; in an f64 run it must not."""
    with mock.patch.object(torch.Tensor, "float", lambda tensor: tensor):
        yield
