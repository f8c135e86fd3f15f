"""The compiled functions: what a step does, on one device and on two."""

import functools
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from lead_jax.backbones._backbone import Backbone
from lead_jax.checks._errors import InputError
from lead_jax.finetune._learner import Learner
from tests.finetune.small import images, network, protocol


def learn(order=None, *, passes=3, head=None, **options):
  """Trains on 20 images; returns the learner, its state and the losses."""
  fields = {"flip": True, "crop": 1, **options.pop("fields", {})}
  learner = Learner(network(), 3, protocol(**fields), **options)
  pixels, labels = images(20, 0)
  inputs = learner.features(pixels) if learner.on_features else pixels
  state = learner.start(0, learner.features(pixels))
  order = np.arange(20) if order is None else order
  losses = []
  for _ in range(passes):
    state, found = learner.train(
      state,
      inputs,
      labels,
      order,
      learning_rate=0.01,
      weight_decay=1e-4,
      total=passes * -(-len(order) // learner.protocol.batch_size),
      seed=0,
    )
    losses.append(found)
  return learner, state, np.concatenate(losses)


def test_it_learns_and_leaves_the_backbone_alone():
  before = network().params
  learner, state, losses = learn(passes=15, fields={"precision": "bfloat16"})
  assert losses[-3:].mean() < 0.5 * losses[:3].mean()
  np.testing.assert_array_equal(learner._backbone.params["w"], before["w"])
  assert (np.asarray(state["params"]["network"][0]) != before["w"]).any()
  assert len(state["params"]["network"]) == 1  # the integer is not trained
  pixels, labels = images(60, 5)
  found = learner.logits(state, pixels)
  assert found.shape == (60, 3)
  assert np.mean(found.argmax(axis=1) == labels) > 0.8


def test_a_loop_of_steps_does_what_single_steps_do():
  _, one, single = learn(loop=False)
  _, many, looped = learn(loop=True)
  assert len(single) == 9  # 20 images in batches of 8, none left out
  np.testing.assert_allclose(single, looped, rtol=1e-5)
  for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)


def test_64_bit_types_change_nothing():
  _, state, losses = learn(passes=2, fields={"zoom": True, "crop": 2})
  with jax.enable_x64(True):
    _, wide, found = learn(passes=2, fields={"zoom": True, "crop": 2})
    kinds = {leaf.dtype for leaf in jax.tree.leaves(wide)}
  assert kinds == {leaf.dtype for leaf in jax.tree.leaves(state)}
  np.testing.assert_allclose(found, losses, rtol=1e-5)


def test_a_batch_that_is_not_full_is_the_mean_of_what_it_has():
  plain = {"flip": False, "crop": 0}
  learner, _, losses = learn(np.arange(3), passes=1, fields=plain)
  pixels, labels = images(20, 0)
  start = learner.start(0, learner.features(pixels))
  logits = learner.logits(start, pixels[:3])
  chosen = np.take_along_axis(logits, labels[:3, None], axis=1)[:, 0]
  wanted = np.mean(np.log(np.exp(logits).sum(axis=1)) - chosen)
  assert losses.tolist() == pytest.approx([wanted], rel=1e-5)


def test_a_model_is_compiled_once_for_all_settings_and_seeds():
  traces, small = [], network()

  def apply(params, x):
    traces.append(x.shape)
    return small.apply(params, x)

  counted = Backbone("counted", apply, small.params, small.input, small.weights_hash)
  learner = Learner(counted, 3, protocol())
  pixels, labels = images(20, 0)
  features = learner.features(pixels)
  counts = []
  for seed, count, total in ((0, 20, 3), (1, 13, 2), (2, 4, 40)):
    state = learner.start(seed, features)
    state, _ = learner.train(
      state,
      pixels,
      labels,
      np.arange(count),
      learning_rate=10.0**-seed,
      weight_decay=0.1 * seed,
      total=total,
      seed=seed,
    )
    learner.logits(state, pixels[: 7 * seed + 1])
    counts.append(len(traces))
  assert counts == [3, 3, 3]  # the check of shapes, the features, the step


def test_the_head_alone_on_features_computed_once_or_each_time():
  once = {"trainable": "head", "flip": False, "crop": 0}
  learner, state, losses = learn(fields=once)
  assert learner.on_features
  assert state["params"]["network"] == ()
  # A flip of what is symmetric changes nothing, but makes the network run at each step.
  symmetric = np.tile(images(20, 0)[0][:, :, :1], (1, 1, 4, 1))
  labels = images(20, 0)[1]
  found = []
  for flips in (False, True):
    fields = {"trainable": "head", "flip": flips}
    learner = Learner(network(), 3, protocol(**fields))
    features = learner.features(symmetric)
    inputs = symmetric if flips else features
    assert learner.on_features == (not flips)
    state = learner.start(0, features)
    options = {"learning_rate": 0.01, "weight_decay": 0.0, "total": 3, "seed": 0}
    found.append(learner.train(state, inputs, labels, np.arange(20), **options)[1])
  np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
  assert losses[-1] < losses[0]


def test_features_are_standardised_as_they_came():
  learner = Learner(network(), 3, protocol())
  pixels, _ = images(20, 0)
  features = learner.features(pixels)
  standard = learner.start(0, features)["standard"]
  np.testing.assert_allclose(standard["centre"], features.mean(axis=0), rtol=1e-5)
  np.testing.assert_allclose(standard["scale"], features.std(), rtol=1e-5)
  with pytest.raises(ValueError, match="features must be given"):
    learner.start(0, None)


def test_the_head_starts_at_the_protocols_scale():
  for scale in (0.0, 1.0, 3.0):
    learner = Learner(network(), 300, protocol(standardise=False, head_scale=scale))
    kernel = np.asarray(learner.start(0, None)["params"]["head"]["kernel"])
    assert kernel.std() == pytest.approx(scale / np.sqrt(6), rel=0.1)  # 1800 values


def test_features_of_another_shape_are_refused():
  wide = network()
  apply = lambda params, x: {"features": x}
  images_out = Backbone("wide", apply, wide.params, wide.input, wide.weights_hash)
  with pytest.raises(
    InputError, match=r"'wide' gives features of shape \(2, 4, 4, 3\)"
  ):
    Learner(images_out, 3, protocol())
  none = Backbone("none", lambda p, x: {}, wide.params, wide.input, wide.weights_hash)
  with pytest.raises(InputError, match="'none' gives no output called 'features'"):
    Learner(none, 3, protocol())


def test_two_devices_give_the_curve_of_one(tmp_path):
  """In a process of its own, which has two: batches of 8 split in halves of 4."""
  code = (
    f"import json, pathlib, jax; folder = {str(tmp_path)!r}\n"
    "from lead_jax.finetune import _checkpoints as checkpoints\n"
    "from tests.finetune.test_learner import images, learn\n"
    "found = []\n"
    "for count, loop in ((1, False), (2, False), (2, True)):\n"
    "  learner, state, losses = learn(devices=jax.devices()[:count], loop=loop)\n"
    "  found.append((learner.num_devices, losses.tolist()))\n"
    "checkpoints.save(pathlib.Path(folder), 1, state, key='k', notes={})\n"
    "like = learner.start(1, learner.features(images(20, 0)[0]))\n"
    "_, again, _ = checkpoints.restore(pathlib.Path(folder), like, key='k', warn=print)\n"
    "for a, b in zip(*map(jax.tree.leaves, (state, again)), strict=True):\n"
    "  assert a.sharding == b.sharding and (a == b).all()\n"
    "print(json.dumps(found))\n"
  )
  flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
  environment = {**os.environ, "XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"}
  result = subprocess.run(
    [sys.executable, "-c", code],
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  found = json.loads(result.stdout)
  assert [count for count, _ in found] == [1, 2, 2]
  for _, losses in found[1:]:
    np.testing.assert_allclose(losses, found[0][1], rtol=1e-5)


def test_devices_that_do_not_divide_the_batch_are_left_out():
  found = functools.partial(Learner, network(), 3, protocol(batch_size=7))
  assert found(devices=jax.local_devices()[:1] * 2).num_devices == 1
