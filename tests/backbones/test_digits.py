"""The bundled digits zoo: what is in the box is what its index says."""

import csv
import functools
import json
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones import digits
from lead_jax.backbones.digits import digits_models
from lead_jax.checks._errors import InputError

ZOO = pathlib.Path(digits.__file__).parents[1] / "zoo"
INDEX = json.loads((ZOO / "digits.json").read_text())["models"]
NAMES = list(INDEX)


def model(name, folder=None):
  """One of the zoo, not yet loaded."""
  (found,) = [spec for spec in digits_models(folder) if spec.name == f"digits/{name}"]
  return found


@functools.cache
def load(name):
  return model(name.removeprefix("digits/")).load()


@functools.cache
def compiled(name):
  """The network, compiled once for all tests of as many images."""
  return jax.jit(load(name).apply)


def make_images(count):
  rng = np.random.default_rng(0)
  gray = rng.integers(0, 256, (count, 8, 8, 1)).astype(np.float32)
  return jnp.asarray((gray - digits.INPUT.mean[0]) / digits.INPUT.std[0])


@pytest.fixture
def copied_zoo(tmp_path):
  return pathlib.Path(shutil.copytree(ZOO, tmp_path / "zoo"))


def test_there_are_twelve_models_in_a_small_folder():
  assert [spec.name for spec in digits_models()] == NAMES
  assert len(NAMES) == 12
  files = [path for path in ZOO.iterdir() if path.is_file()]
  assert len([path for path in files if path.suffix == ".safetensors"]) == 12
  assert sum(path.stat().st_size for path in files) < 900_000


@pytest.mark.parametrize("name", NAMES)
def test_model_is_what_its_index_says(name):
  backbone, entry = load(name), INDEX[name]
  outputs = compiled(name)(backbone.params, make_images(6))
  assert outputs["features"].shape == (6, entry["feature_dim"])
  assert outputs["features"].dtype == jnp.float32
  expected = {"features", "logits"} if entry["num_logits"] else {"features"}
  assert set(outputs) == expected
  if entry["num_logits"]:
    assert outputs["logits"].shape == (6, entry["num_logits"])
  assert all(np.isfinite(value).all() for value in outputs.values())
  # Another image has another feature: the network is not dead.
  assert np.ptp(np.asarray(outputs["features"]), axis=0).max() > 1e-3
  assert backbone.name == name
  assert backbone.weights_hash == entry["sha256"]
  assert backbone.input == digits.INPUT
  assert backbone.num_params == sum(x.size for x in jax.tree.leaves(backbone.params))
  assert backbone.source == "experiments/pretrain_digits.py"
  assert backbone.licence == "Apache-2.0"
  assert backbone.architecture
  assert backbone.pretraining


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_the_module(name):
  entry = INDEX[name]
  network = digits.build_network(entry["architecture"], entry["num_logits"])
  shapes = jax.eval_shape(network.init, jax.random.key(0), make_images(1))["params"]
  expected = jax.tree.map(lambda leaf: leaf.shape, shapes)
  assert jax.tree.map(lambda leaf: leaf.shape, load(name).params) == expected


@pytest.mark.parametrize("name", NAMES)
def test_features_do_not_depend_on_the_batch(name):
  params, images = load(name).params, make_images(6)
  together = np.asarray(compiled(name)(params, images)["features"])
  apart = np.concatenate(
    [compiled(name)(params, image[None])["features"] for image in np.asarray(images)]
  )
  scale = max(1.0, float(np.abs(together).max()))
  np.testing.assert_allclose(apart, together, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_is_that_of_xla(size, stride):
  key_x, key_w = jax.random.split(jax.random.key(0))
  x = jax.random.normal(key_x, (2, 8, 6, 3))
  w = jax.random.normal(key_w, (size, size, 3, 4))
  expected = jax.lax.conv_general_dilated(
    x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )
  actual = digits._convolve(x, w, (stride, stride), "SAME")
  np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_network_is_differentiable_in_params_and_images(name):
  backbone, images = load(name), make_images(2)

  def total(params, images):
    return backbone.apply(params, images)["features"].sum()

  for grads in jax.jit(jax.grad(total, argnums=(0, 1)))(backbone.params, images):
    leaves = jax.tree.leaves(grads)
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.abs(leaf).max() > 0 for leaf in leaves)


def test_features_differ_in_scale():
  norms = [entry["mean_squared_norm"] for entry in INDEX.values()]
  assert max(norms) > 20 * min(norms)


def test_source_classifiers_know_their_source():
  from experiments.digits.data import load_source

  source = load_source()
  backbone = load("digits/resnet_supervised")
  logits = jax.jit(backbone.apply)(backbone.params, source.images)["logits"]
  assert np.mean(np.argmax(logits, axis=1) == source.labels) > 0.95


def test_ground_truth_has_a_row_a_model_and_spreads():
  with (ZOO / "digits_ground_truth.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["model"] for row in rows] == NAMES
  assert {row["dataset"] for row in rows} == {"digits"}
  accuracies = np.array([float(row["accuracy"]) for row in rows])
  assert np.ptp(accuracies) > 10
  assert np.sum(accuracies < 99) > 6
  assert accuracies.min() > 20  # above chance
  for row in rows:
    assert row["learning_rate"] in row["learning_rates_tried"].split()
    assert int(row["seeds"]) == 5
    assert float(row["accuracy_std"]) >= 0


def test_changed_weights_are_refused(copied_zoo):
  path = copied_zoo / "mlp_random.safetensors"
  content = bytearray(path.read_bytes())
  content[-1] ^= 1
  path.write_bytes(content)
  model("mlp_supervised", copied_zoo).load()
  with pytest.raises(InputError, match=r"mlp_random\.safetensors: SHA-256"):
    model("mlp_random", copied_zoo).load()


def test_missing_weights_are_named(copied_zoo):
  (copied_zoo / "mlp_random.safetensors").unlink()
  with pytest.raises(InputError, match=r"mlp_random\.safetensors: weights of"):
    model("mlp_random", copied_zoo).load()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_unreadable_index_is_named(tmp_path, content):
  if content is not None:
    (tmp_path / "digits.json").write_text(content)
  with pytest.raises(InputError, match=r"digits\.json: not a readable index"):
    digits_models(tmp_path)
