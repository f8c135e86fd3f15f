"""The table of networks against what is published of them; needs no torch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from lead_jax.backbones import networks
from lead_jax.backbones.catalogue import CATALOGUE
from lead_jax.backbones.networks._network_facts import weight_shapes

# Parameters and multiply-adds in units of 1e9, at the size in `NETWORKS`: `num_params` and
# `_ops` of the weights' metadata in torchvision 0.28.0 (`torchvision/models/*.py`).
PUBLISHED = {
  "resnet34": (21_797_672, 3.664),
  "resnet50": (25_557_032, 4.089),
  "resnet101": (44_549_160, 7.801),
  "resnet152": (60_192_808, 11.514),
  "densenet121": (7_978_856, 2.834),
  "densenet161": (28_681_000, 7.728),
  "densenet169": (14_149_480, 3.360),
  "densenet201": (20_013_928, 4.291),
  "mnasnet1_0": (4_383_312, 0.314),
  "mobilenet_v2": (3_504_872, 0.301),
  "googlenet": (6_624_904, 1.498),
  "inception_v3": (27_161_264, 5.713),
}
# torchvision counts the auxiliary classifier: convolutions of 768 x 128 and of 5 x 5 x 128
# x 768 with their normalisations, and 768 x 1000 with bias.
AUXILIARY = {
  "inception_v3": 768 * 128 + 2 * 128 + 25 * 128 * 768 + 2 * 768 + 769 * 1000
}
ORIGINS = ("resnet50_simclr", "resnet50_byol")


@functools.cache
def random_variables(network, num_logits):
  rng = np.random.default_rng(0)
  values = {}
  for path, leaf in flatten_dict(weight_shapes(network, num_logits)).items():
    if len(leaf.shape) > 1:
      noise = rng.standard_normal(leaf.shape) * np.sqrt(2 / np.prod(leaf.shape[:-1]))
    elif path[-1] in ("weight", "running_var"):
      noise = rng.uniform(0.5, 1.0, leaf.shape)
    else:
      noise = 0.1 * rng.standard_normal(leaf.shape)
    values[path] = noise.astype(np.float32)
  return unflatten_dict(values)


def make_images(size, count=2):
  rng = np.random.default_rng(1)
  return rng.standard_normal((count, size, size, 3), np.float32)


def test_all_that_are_published_and_two_variants_are_there():
  assert tuple(networks.NETWORKS) == (*PUBLISHED, *ORIGINS)


@pytest.mark.parametrize("network", PUBLISHED)
def test_counts_are_the_published_ones(network):
  params, giga = PUBLISHED[network]
  assert networks.count_params(network) == params - AUXILIARY.get(network, 0)
  # `_ops` has three decimals. That the card has what `count_flops` says: test_catalogue.
  assert CATALOGUE[network].flops == pytest.approx(giga * 1e9, abs=0.6e6)


@pytest.mark.parametrize("network", ORIGINS)
def test_variants_count_as_their_original(network):
  for count in (networks.count_params, networks.count_flops):
    assert count(network) == count("resnet50")


def traced(network, num_logits, dtype):
  """What a network makes of three images, shapes without values, and its equations."""

  def run(variables, images):
    statistics = variables["batch_stats"]
    apply = networks.make_apply(network, statistics, num_logits, dtype)
    return apply(variables["params"], images)

  images = jax.ShapeDtypeStruct((3, 96, 120, 3), jnp.float32)
  return jax.make_jaxpr(run, return_shape=True)(
    weight_shapes(network, num_logits), images
  )


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_outputs_have_their_shapes_and_products_their_type(network):
  closed, found = traced(network, 7, jnp.bfloat16)
  expected = {"features": (3, networks.NETWORKS[network].feature_dim), "logits": (3, 7)}
  assert {name: leaf.shape for name, leaf in found.items()} == expected
  assert {leaf.dtype for leaf in found.values()} == {jnp.dtype("float32")}
  products = [
    equation
    for equation in closed.jaxpr.eqns
    if equation.primitive.name in ("dot_general", "conv_general_dilated")
  ]
  assert len(products) > 10
  types = {atom.aval.dtype for equation in products for atom in equation.invars}
  assert types == {jnp.dtype("bfloat16")}


def test_network_without_classifier_gives_features_alone():
  _, found = traced("mnasnet1_0", 0, jnp.float32)
  assert {name: leaf.shape for name, leaf in found.items()} == {"features": (3, 1280)}


def test_flops_grow_with_the_image():
  # All sides are even down to 7 x 7: four times the pixels, four times the convolutions.
  small, large = (networks.count_flops("resnet34", size, 0) for size in (224, 448))
  assert large == 4 * small
  assert networks.count_flops("resnet34", 224, 10) == small + 10 * 512


def test_second_batch_does_not_compile():
  variables = jax.tree.map(jnp.asarray, random_variables("mnasnet1_0", 5))
  apply = jax.jit(networks.make_apply("mnasnet1_0", variables["batch_stats"], 5))
  images = make_images(40)
  first = apply(variables["params"], images)
  assert apply._cache_size() == 1
  halved = jax.tree.map(lambda x: x / 2, variables["params"])
  second = apply(halved, images[::-1])
  assert apply._cache_size() == 1
  assert np.abs(first["logits"] - second["logits"]).max() > 0
  apply(halved, images[:1])
  assert apply._cache_size() == 2


@pytest.mark.parametrize("network", ["resnet34", "mobilenet_v2"])
def test_bfloat16_is_close_to_float32(network):
  variables = random_variables(network, 5)
  found = {}
  for dtype in (jnp.float32, jnp.bfloat16):
    apply = networks.make_apply(network, variables["batch_stats"], 5, dtype)
    found[dtype] = jax.jit(apply)(variables["params"], make_images(48))
  for name, expected in found[jnp.float32].items():
    scale = np.abs(expected).max()
    error = np.abs(found[jnp.bfloat16][name] - expected).max() / scale
    # Seen: 0.009 (resnet34), 0.028 (mobilenet_v2).
    assert 1e-5 < error < 0.06


def test_gradients_reach_all_parameters_and_the_images():
  variables = random_variables("mobilenet_v2", 5)
  apply = networks.make_apply("mobilenet_v2", variables["batch_stats"], 5)

  def total(params, images):
    logits = apply(params, images)["logits"]
    return (logits * jnp.arange(5.0)[None]).sum()

  grads = jax.jit(jax.grad(total, (0, 1)))(variables["params"], make_images(40))
  for path, leaf in jax.tree.leaves_with_path(grads):
    assert np.isfinite(leaf).all(), path
    assert np.abs(leaf).max() > 0, path
