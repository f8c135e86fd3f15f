"""Extraction with a tiny network: order, padding, devices, cache, errors."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.checks._errors import InputError
from lead_jax.data._bundled import load_digits_dataset
from lead_jax.data._dataset import Dataset
from lead_jax.data._preprocess import ResizedCache
from lead_jax.features import extract
from lead_jax.features._chunks import extraction_key
from lead_jax.features._store import FeatureStore

SPEC = InputSpec(height=6, width=5, mean=(10.0, 20.0, 30.0), std=(50.0, 60.0, 70.0))
ROOT = pathlib.Path(__file__).resolve().parents[2]


def tiny_apply(params, images):
  """One linear layer, a rectifier, and a classifier."""
  flat = images.reshape(images.shape[0], -1)
  features = jax.nn.relu(flat @ params["w"] + params["b"].reshape(1, -1))
  return {"features": features, "logits": features @ params["c"]}


def tiny_backbone(apply=tiny_apply, spec: InputSpec = SPEC) -> Backbone:
  rng = np.random.default_rng(0)
  params = {
    "w": rng.normal(size=(6 * 5 * 3, 16)).astype(np.float32),
    "b": rng.normal(size=16).astype(np.float32),
    "c": rng.normal(size=(16, 4)).astype(np.float32),
  }
  return Backbone("tiny", apply, params, spec, weights_hash="ab" * 32)


def images_of(count: int) -> np.ndarray:
  return np.random.default_rng(1).integers(0, 256, (count, 6, 5, 3), np.uint8)


def tiny_dataset(count: int = 23) -> Dataset:
  images = images_of(count)
  labels = np.arange(count, dtype=np.int32) % 2
  return Dataset("d", "all", labels, ("a", "b"), f"print{count}", images.__getitem__)


def oracle(count: int) -> tuple[np.ndarray, np.ndarray]:
  """The same in float64 numpy."""
  params = {k: v.astype(np.float64) for k, v in tiny_backbone().params.items()}
  x = (images_of(count) - np.array(SPEC.mean)) / np.array(SPEC.std)
  features = np.maximum(x.reshape(count, -1) @ params["w"] + params["b"], 0)
  return features, features @ params["c"]


@pytest.mark.parametrize("batch_size", [1, 7, 23, 64])
def test_features_against_numpy_for_any_batch_size(x64, batch_size):
  found = extract(tiny_backbone(), tiny_dataset(), batch_size=batch_size)
  features, logits = oracle(23)
  assert found.features.dtype == found.source_logits.dtype == np.float32
  np.testing.assert_allclose(found.features, features, rtol=1e-5, atol=1e-4)
  np.testing.assert_allclose(found.source_logits, logits, rtol=1e-5, atol=1e-3)
  assert not found.cached
  assert found.seconds.keys() == {"read", "compute"}
  assert all(seconds >= 0 for seconds in found.seconds.values())


def test_the_batch_size_does_not_matter():
  one, many = (
    extract(tiny_backbone(), tiny_dataset(), batch_size=b).features for b in (5, 64)
  )
  np.testing.assert_allclose(one, many, rtol=1e-5, atol=1e-5)


def test_one_compilation_for_all_batches():
  traces = []

  def apply(params, images):
    traces.append(images.shape)
    return tiny_apply(params, images)

  extract(tiny_backbone(apply), tiny_dataset(), batch_size=5)
  assert traces == [(5, 6, 5, 3)]


def test_a_network_without_a_classifier():
  def apply(params, images):
    return {"features": tiny_apply(params, images)["features"]}

  assert extract(tiny_backbone(apply), tiny_dataset()).source_logits is None


def test_half_precision_outputs_become_float32():
  def apply(params, images):
    return {"features": tiny_apply(params, images)["features"].astype(jnp.bfloat16)}

  assert extract(tiny_backbone(apply), tiny_dataset()).features.dtype == np.float32


def test_images_are_resized_and_laid_out_by_the_spec():
  spec = InputSpec(6, 5, "gray", (0.0,), (255.0,), "NCHW", "nearest")

  def apply(params, images):
    assert images.shape[1:] == (1, 6, 5)
    return {"features": images.reshape(images.shape[0], -1)}

  data = load_digits_dataset("test")
  found = extract(tiny_backbone(apply, spec), data)
  assert found.features.shape == (len(data), 30)
  assert found.features.min() >= 0
  assert found.features.max() <= 1.0001


def test_progress_is_told_after_each_batch():
  calls = []
  extract(
    tiny_backbone(), tiny_dataset(), batch_size=10, progress=lambda *c: calls.append(c)
  )
  assert calls == [(10, 23), (20, 23), (23, 23)]


def test_the_store_saves_the_network(tmp_path):
  store = FeatureStore(tmp_path / "cache")
  first = extract(tiny_backbone(), tiny_dataset(), store=store)
  runs = []

  def apply(params, images):
    runs.append(1)
    return tiny_apply(params, images)

  calls = []
  again = extract(
    tiny_backbone(apply),
    tiny_dataset(),
    store=FeatureStore(tmp_path / "cache"),
    progress=lambda *c: calls.append(c),
  )
  assert again.cached
  assert again.key == first.key
  assert runs == []
  assert calls == [(23, 23)]
  assert isinstance(again.features, np.memmap)
  np.testing.assert_array_equal(first.features, again.features)
  np.testing.assert_array_equal(first.source_logits, again.source_logits)


def test_a_damaged_entry_is_computed_again(tmp_path):
  heard = []
  store = FeatureStore(tmp_path / "cache", warn=heard.append)
  first = np.array(extract(tiny_backbone(), tiny_dataset(), store=store).features)
  (file,) = store.root.rglob("features.npy")
  file.write_bytes(file.read_bytes()[:-100])
  again = extract(tiny_backbone(), tiny_dataset(), store=store)
  assert not again.cached
  assert len(heard) == 1
  np.testing.assert_array_equal(first, again.features)
  assert extract(tiny_backbone(), tiny_dataset(), store=store).cached


def test_a_full_disk_loses_no_features(tmp_path, monkeypatch):
  heard = []
  store = FeatureStore(tmp_path / "cache", warn=heard.append)

  def refuse(*args):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(os, "fsync", refuse)
  found = extract(tiny_backbone(), tiny_dataset(), store=store)
  assert found.features.shape == (23, 16)
  (message,) = heard
  assert "No space left on device" in message


def test_an_interrupted_run_keeps_finished_models(tmp_path):
  store = FeatureStore(tmp_path / "cache")
  extract(tiny_backbone(), tiny_dataset(), store=store)
  other = dataclasses.replace(tiny_backbone(), weights_hash="cd" * 32)

  def stop(done, total):
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    extract(other, tiny_dataset(), batch_size=4, store=store, progress=stop)
  assert extract(tiny_backbone(), tiny_dataset(), store=store).cached
  assert not extract(other, tiny_dataset(), store=store).cached


def test_keys_follow_whatever_the_features_depend_on():
  base, data = tiny_backbone(), tiny_dataset()
  key = extraction_key(base, data)
  assert key == extraction_key(dataclasses.replace(base, name="other name"), data)
  relabelled = dataclasses.replace(data, labels=data.labels[::-1], name="x")
  assert key == extraction_key(base, relabelled)
  scalars = dataclasses.replace(SPEC, mean=tuple(np.float32(m) for m in SPEC.mean))
  assert key == extraction_key(dataclasses.replace(base, input=scalars), data)
  changes = [
    {"weights_hash": "cd" * 32},
    {"architecture": "another"},
    *(
      {"input": dataclasses.replace(SPEC, **change)}
      for change in (
        {"height": 7},
        {"width": 7},
        {"channels": "bgr"},
        {"mean": (1.0, 2.0, 3.0)},
        {"std": (1.0, 2.0, 3.0)},
        {"layout": "NCHW"},
        {"interpolation": "bicubic"},
        {"resize": 7},
        {"resize": 8},
      )
    ),
  ]
  keys = {extraction_key(dataclasses.replace(base, **c), data) for c in changes}
  keys.add(extraction_key(base, dataclasses.replace(data, fingerprint="other")))
  assert len(keys | {key}) == len(changes) + 2


def test_keys_without_the_fields_that_came_later_are_as_they_were():
  # Computed before InputSpec had `resize`, whose features lie in stores of users.
  before = "6460071b15ebe94f87503b463b90e340a482974bcdbae83730cf10daeba6ef38"
  assert extraction_key(tiny_backbone(), tiny_dataset()) == before


def test_resized_images_are_shared_between_networks():
  reads = []
  images = images_of(9)

  def read_image(index):
    reads.append(index)
    return images[index]

  data = dataclasses.replace(tiny_dataset(9), read_image=read_image)
  resized = ResizedCache()
  first = extract(tiny_backbone(), data, resized=resized, batch_size=4)
  second = extract(tiny_backbone(), data, resized=resized, batch_size=4)
  assert len(reads) == 9
  np.testing.assert_array_equal(first.features, second.features)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["features", "logits"])
def test_values_that_are_not_finite_name_the_model_and_are_not_kept(
  tmp_path, value, name
):
  def apply(params, images):
    outputs = dict(tiny_apply(params, images))
    rows = jnp.arange(images.shape[0]).reshape(-1, 1)
    outputs[name] = jnp.where(rows == 1, value, outputs[name])
    return outputs

  store = FeatureStore(tmp_path / "cache")
  message = f"model 'tiny' gives {name} that are not finite .* 2 of the 23 images"
  with pytest.raises(InputError, match=message):
    extract(tiny_backbone(apply), tiny_dataset(), batch_size=12, store=store)
  assert store.get(extraction_key(tiny_backbone(), tiny_dataset())) is None


@pytest.mark.parametrize(
  ("apply", "message"),
  [
    (lambda p, x: {"logits": x.reshape(len(x), -1)}, "no output called 'features'"),
    (lambda p, x: {"features": x}, r"shape \(23, 6, 5, 3\) for 23 images"),
    (lambda p, x: {"features": x.reshape(1, -1)}, r"expected \(23, D\)"),
  ],
)
def test_wrong_outputs_are_named(apply, message):
  with pytest.raises(InputError, match=message):
    extract(tiny_backbone(apply), tiny_dataset())


def test_ready_features_have_no_images():
  data = Dataset("d", "all", np.zeros(2, np.int32), ("a",), "f", features=np.eye(2))
  with pytest.raises(InputError, match="holds ready features and no images"):
    extract(tiny_backbone(), data)


FOUR_DEVICES = """
import json, sys
sys.path.insert(0, sys.argv[1])
import jax
import test_extract as t
assert len(jax.local_devices()) == 4
shapes, results = [], {}
def apply(params, images):
  shapes.append(images.shape[0])
  return t.tiny_apply(params, images)
four = t.extract(t.tiny_backbone(apply), t.tiny_dataset(), batch_size=6)
one = t.extract(t.tiny_backbone(), t.tiny_dataset(), devices=jax.local_devices()[:1])
few = t.extract(t.tiny_backbone(), t.tiny_dataset(2))
print(json.dumps({"shapes": shapes, "four": four.features.tolist(),
                  "one": one.features.tolist(), "few": few.features.tolist()}))
"""


def test_four_devices_give_what_one_gives():
  flags = "--xla_force_host_platform_device_count=4"
  done = subprocess.run(
    [sys.executable, "-c", FOUR_DEVICES, str(pathlib.Path(__file__).parent)],
    capture_output=True,
    text=True,
    check=False,
    cwd=ROOT,
    env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
  )
  assert done.returncode == 0, done.stderr
  found = json.loads(done.stdout)
  assert found["shapes"] == [8]  # 6, rounded up to a multiple of 4.
  expected = oracle(23)[0]
  np.testing.assert_allclose(found["four"], found["one"], rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(found["four"], expected, rtol=1e-5, atol=1e-4)
  np.testing.assert_allclose(found["few"], oracle(2)[0], rtol=1e-5, atol=1e-4)


def test_what_becomes_nan_inside_a_network_is_not_lost_in_its_relu():
  """XLA's fused kernels take max(NaN, 0) for 0 where a batch is large."""

  def apply(params, images):
    inside = jax.lax.conv_general_dilated(
      images,
      params["w"] / jnp.sqrt(params["v"]),
      (1, 1),
      "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return {"features": jax.nn.relu(inside).mean((1, 2))}

  params = {
    "w": np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype(np.float32),
    "v": np.array([1, 1, 1, -1, 1, 1, 1, 1], np.float32).reshape(1, 1, 1, 8),
  }
  backbone = Backbone("bad", apply, params, InputSpec(16, 16), weights_hash="ab" * 32)
  data = tiny_dataset(64)
  with pytest.raises(InputError, match="gives features that are not finite"):
    extract(backbone, data, batch_size=64)
