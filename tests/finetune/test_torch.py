"""The same network, weights and batches give the losses that torch gives."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.finetune._learner import Learner
from lead_jax.finetune._protocol import Protocol
from tests.finetune import make_torch_curves
from tests.finetune.torch_problem import BATCH, CASES, CLASSES, MEAN, STD, problem

# Sums are taken in another order.
RELATIVE = 1e-4


def _apply(params, x):
  x = jax.lax.conv_general_dilated(
    x,
    params["conv"],
    (2, 2),
    ((1, 1), (1, 1)),
    dimension_numbers=("NCHW", "OIHW", "NCHW"),
  )
  x = jax.nn.relu(x + params["conv_bias"].reshape(1, -1, 1, 1))
  x = x.reshape(len(x), -1) @ params["dense"] + params["dense_bias"][None]
  return {"features": jax.nn.relu(x)}


def _losses(fields, learning_rate, weight_decay, several):
  weights, images, labels, batches = problem(several)
  network = {name: w for name, w in weights.items() if not name.startswith("head")}
  spec = InputSpec(8, 8, "rgb", MEAN, STD, layout="NCHW")
  backbone = Backbone("small", _apply, network, spec, weights_hash="0" * 64)
  protocol = Protocol(
    "case",
    learning_rates=(learning_rate,),
    weight_decays=(weight_decay,),
    batch_size=BATCH,
    **fields,
  )
  learner = Learner(backbone, CLASSES, protocol, devices=jax.local_devices()[:1])
  state = learner.start(0, None)
  state["params"]["head"] = {
    "kernel": jnp.asarray(weights["head"]),
    "bias": jnp.asarray(weights["head_bias"]),
  }
  _, losses = learner.train(
    state,
    images,
    labels,
    batches.reshape(-1),
    learning_rate=learning_rate,
    weight_decay=weight_decay,
    total=len(batches),
    seed=0,
  )
  return losses


@pytest.mark.parametrize("name", CASES)
def test_losses_are_those_that_torch_gave(name):
  kept = json.loads(make_torch_curves.PATH.read_text())["losses"][name]
  np.testing.assert_allclose(_losses(*CASES[name]), kept, rtol=RELATIVE)
  assert kept[0] > 1.05 * min(kept)  # it learns: a constant would prove nothing


@pytest.mark.parametrize("name", CASES)
def test_torch_gives_them_still(name):
  pytest.importorskip("torch", reason="torch is not installed")
  kept = json.loads(make_torch_curves.PATH.read_text())["losses"][name]
  np.testing.assert_allclose(make_torch_curves.curve(*CASES[name]), kept, rtol=1e-5)
