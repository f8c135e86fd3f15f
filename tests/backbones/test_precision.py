"""Products in bfloat16; everything else as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones._backbone import Backbone, ModelSpec, ReadyFeatures
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._precision import low_precision, with_precision
from lead_jax.checks._errors import InputError


@jax.jit
def _inner(w, x):
  return jax.nn.relu(x @ w)


def _network(params, x):
  x = jax.lax.conv_general_dilated(
    x, params["conv"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )
  x = jax.nn.relu(x).reshape(len(x), -1)
  # A constant of NumPy, as ONNX files have them, promotes what it meets.
  return {"features": _inner(params["dense"], x * np.full((1, 1), 0.5, np.float32))}


def _arguments():
  keys = jax.random.split(jax.random.key(0), 3)
  params = {
    "conv": jax.random.normal(keys[0], (3, 3, 2, 4)),
    "dense": jax.random.normal(keys[1], (64, 5)),
  }
  return params, jax.random.normal(keys[2], (6, 4, 4, 2))


def test_products_take_bfloat16_and_results_are_close():
  params, x = _arguments()
  text = str(jax.make_jaxpr(low_precision(_network))(params, x))
  products = [
    line
    for line in text.splitlines()
    if "conv_general_dilated[" in line or "dot_general[" in line
  ]
  assert len(products) == 2
  assert all("bf16[" in line.split("=")[0] for line in products)
  found = low_precision(_network)(params, x)["features"]
  wanted = _network(params, x)["features"]
  assert found.dtype == jnp.float32
  error = np.abs(found - wanted).max() / np.abs(wanted).max()
  assert 1e-5 < error < 0.02  # eight bits: it is not float32, and not wrong


def test_gradients_are_float32_and_close():
  params, x = _arguments()

  def loss(network):
    return jax.grad(lambda p: jnp.sum(network(p, x)["features"] ** 2))(params)

  found, wanted = loss(low_precision(_network)), loss(_network)
  for name in params:
    assert found[name].dtype == jnp.float32
    scale = np.abs(wanted[name]).max()
    assert np.abs(found[name] - wanted[name]).max() < 0.05 * scale


def test_a_function_without_products_is_left_alone():
  def pointwise(x):
    return jax.nn.relu(jnp.cumsum(x)) / 3

  x = jnp.linspace(-1, 1, 7)
  np.testing.assert_array_equal(low_precision(pointwise)(x), pointwise(x))
  # The derivative that relu is given at 0 survives the walk.
  assert jax.grad(low_precision(lambda v: jax.nn.relu(v)))(0.0) == 0.0


def _spec(low_precision=None, apply=_network):
  params, _ = _arguments()
  params["conv"] = params["conv"][:, :, :1]
  backbone = Backbone(
    name="small",
    apply=apply,
    params=params,
    input=InputSpec(4, 4, "gray", (0.0,), (255.0,)),
    weights_hash="",
    low_precision=low_precision,
  )
  return ModelSpec(name="small", load=lambda: backbone)


def test_a_model_in_another_precision():
  assert with_precision(_spec(), "float32").load().precision == "float32"
  loaded = with_precision(_spec(), "bfloat16").load()
  assert loaded.precision == "bfloat16"
  assert loaded.apply is not _network
  own = lambda params, images: {"features": images}
  assert with_precision(_spec(own), "bfloat16").load().apply is own
  ready = ReadyFeatures("ready", np.zeros((2, 2)), None, "")
  kept = with_precision(ModelSpec("ready", lambda: ready), "bfloat16").load()
  assert kept is ready


def test_an_unknown_precision():
  with pytest.raises(InputError, match="must be float32 or bfloat16, received 'half'"):
    with_precision(_spec(), "half")


@jax.custom_vjp
def _own_derivative(w, x):
  return x @ w


_own_derivative.defvjp(lambda w, x: (x @ w, (w, x)), lambda saved, dy: (None, None))


def _integers(params, x):
  whole = x.astype(jnp.int8).reshape(len(x), -1)
  return {"features": (whole @ whole.T).astype(jnp.float32)}


@pytest.mark.parametrize(
  "apply",
  [
    lambda params, x: {"features": x.reshape(len(x), -1)},
    lambda params, x: {"features": _own_derivative(jnp.eye(16), x.reshape(-1, 16))},
    _integers,
  ],
)
def test_what_has_nothing_to_lower_stays_float32(apply):
  loaded = with_precision(_spec(apply=apply), "bfloat16").load()
  assert loaded.precision == "float32"
  assert loaded.apply is apply
