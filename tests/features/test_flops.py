"""The cost of one image, against a count by hand."""

import dataclasses

import jax
import numpy as np
import pytest

from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.features._flops import flops_per_image
from lead_jax.features._store import FeatureStore


def network(apply, params, **options):
  options = {"weights_hash": "0" * 64, **options}
  return Backbone("net", apply, params, InputSpec(8, 6, layout="NCHW"), **options)


def test_a_convolution_and_a_product(tmp_path):
  """2 x 8 x 6 x 3 x 3 x 3 x 5 of the convolution, 2 x 240 x 7 of the product."""
  rng = np.random.default_rng(0)
  params = {"conv": rng.normal(size=(5, 3, 3, 3)), "dense": rng.normal(size=(240, 7))}

  def apply(params, images):
    x = jax.lax.conv(images, params["conv"].astype(images.dtype), (1, 1), "SAME")
    return {"features": x.reshape(len(x), -1) @ params["dense"].astype(x.dtype)}

  store = FeatureStore(tmp_path)
  backbone = network(apply, jax.tree.map(np.float32, params))
  # XLA leaves out the multiplications by the padding.
  inside = 2 * 3 * 5 * (3 * 8 - 2) * (3 * 6 - 2)
  expected = inside + 2 * 240 * 7
  assert flops_per_image(backbone, store) == pytest.approx(expected, rel=0.02)

  def fail(params, images):
    raise AssertionError("it is known")

  again = dataclasses.replace(backbone, apply=fail)
  assert flops_per_image(again, store) == pytest.approx(expected, rel=0.02)


def test_what_runs_outside_jax_has_no_count(tmp_path):
  def apply(params, images):
    shape = jax.ShapeDtypeStruct((len(images), 2), images.dtype)
    call = lambda x: np.zeros((len(x), 2), x.dtype)
    return {"features": jax.pure_callback(call, shape, images)}

  assert flops_per_image(network(apply, {}), FeatureStore(tmp_path)) is None


def test_a_network_that_does_not_take_one_image_has_no_count(tmp_path):
  def apply(params, images):
    raise ValueError("batches of 32 only")

  assert flops_per_image(network(apply, {}), FeatureStore(tmp_path)) is None
