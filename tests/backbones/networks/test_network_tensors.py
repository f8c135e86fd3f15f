"""Weights by torchvision's names: what fits, and what is said of what does not."""

import functools

import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from lead_jax.backbones import networks
from lead_jax.backbones.networks._network_facts import weight_shapes
from lead_jax.checks._errors import InputError


@functools.cache
def _names_and_shapes(network, num_logits):
  leaves = flatten_dict(weight_shapes(network, num_logits))
  return {".".join(path[1:]): leaf.shape for path, leaf in leaves.items()}


def make_tensors(network="resnet34", num_logits=3):
  """In torch's axis order, each with its own values."""
  rng = np.random.default_rng(0)
  drawn = {
    name: rng.standard_normal((*shape[:-3:-1], *shape[:-2]), np.float32)
    for name, shape in _names_and_shapes(network, num_logits).items()
  }
  return {
    name: abs(value) if name.endswith("running_var") else value
    for name, value in drawn.items()
  }


@pytest.mark.parametrize(
  ("name", "value", "message"),
  [
    ("conv1.weight", np.nan, "1 of the 9,408 values of 'conv1.weight' are NaN or inf"),
    ("layer1.0.bn1.running_mean", np.inf, "running_mean' are NaN or infinite"),
    ("bn1.running_var", -1, "'bn1.running_var' holds the negative variance -1"),
  ],
)
def test_damaged_values_are_refused(name, value, message):
  tensors = make_tensors()
  tensors[name].reshape(-1)[3] = value
  with pytest.raises(InputError, match=f"^x: .*{message}.*damaged"):
    networks.from_tensors("resnet34", tensors, source="x")


def test_axes_are_torchs():
  tensors = make_tensors()
  variables = networks.from_tensors("resnet34", tensors, source="x")
  params, statistics = variables["params"], variables["batch_stats"]
  kernel = params["layer2.0"]["downsample.0"]["weight"]
  assert kernel.shape == (1, 1, 64, 128)
  assert tensors["conv1.weight"].shape == (64, 3, 7, 7)
  expected = tensors["conv1.weight"][5, 2, 1, 6]
  assert params["conv1"]["weight"][1, 6, 2, 5] == expected
  assert params["fc"]["weight"][7, 2] == tensors["fc.weight"][2, 7]
  found = statistics["layer4.2"]["bn2"]["running_var"]
  np.testing.assert_array_equal(found, tensors["layer4.2.bn2.running_var"])


def test_running_statistics_are_not_among_the_parameters():
  variables = networks.from_tensors("resnet34", make_tensors(), source="x")
  names = {path[-1] for path in flatten_dict(variables["params"])}
  assert names == {"weight", "bias"}
  names = {path[-1] for path in flatten_dict(variables["batch_stats"])}
  assert names == {"running_mean", "running_var"}


@pytest.mark.parametrize("network", ["mobilenet_v2", "resnet34", "densenet121"])
def test_classifier_may_be_absent_or_of_any_width(network):
  prefix = networks.NETWORKS[network].classifier
  for num_logits in (0, 4):
    tensors = make_tensors(network, num_logits)
    variables = networks.from_tensors(network, tensors, source="x")
    assert (prefix in variables["params"]) is bool(num_logits)
    returned = networks.to_tensors(network, variables)
    assert returned.keys() == tensors.keys()
    for name, value in tensors.items():
      np.testing.assert_array_equal(returned[name], value, strict=True)


def test_half_precision_is_widened():
  tensors = {name: x.astype(np.float16) for name, x in make_tensors().items()}
  variables = networks.from_tensors("resnet34", tensors, source="x")
  kernel = variables["params"]["fc"]["weight"]
  assert kernel.dtype == np.float32
  np.testing.assert_array_equal(kernel, tensors["fc.weight"].T.astype(np.float32))


def test_error_lists_what_is_wrong_in_one_line():
  tensors = make_tensors()
  for name in ("bn1.weight", "bn1.bias", "fc.bias", "layer1.0.conv1.weight"):
    del tensors[name]
  tensors["projector.weight"] = np.zeros(3)
  tensors["bn1.num_batches_tracked"] = np.zeros(())
  tensors["conv1.weight"] = np.zeros((64, 3, 3, 3))
  tensors["layer1.1.bn1.bias"] = np.zeros((64, 1))
  with pytest.raises(InputError) as caught:
    networks.from_tensors("resnet34", tensors, source="some/file.pth")
  assert str(caught.value) == (
    "some/file.pth: does not hold the weights of resnet34: "
    "4 missing (bn1.bias, bn1.weight, fc.bias, ...); "
    "2 unused (bn1.num_batches_tracked, projector.weight); "
    "2 of another shape (conv1.weight is [64, 3, 3, 3], not [64, 3, 7, 7], "
    "layer1.1.bn1.bias is [64, 1], not [64]); name the architecture it was made with"
  )


def test_weights_of_another_network_are_refused():
  with pytest.raises(InputError, match=r"^x: .*resnet50.*missing.*another shape") as e:
    networks.from_tensors("resnet50", make_tensors("resnet34"), source="x")
  assert "\n" not in str(e.value)
  assert len(str(e.value)) < 600


def test_classifier_of_another_shape_is_named():
  tensors = make_tensors()
  tensors["fc.weight"] = tensors["fc.weight"][..., None, None]
  with pytest.raises(
    InputError, match=r"fc\.weight is \[3, 512, 1, 1\], not \[3, 512\]"
  ):
    networks.from_tensors("resnet34", tensors, source="x")
  tensors["fc.weight"] = np.float32(0)
  with pytest.raises(InputError, match=r"fc\.weight is \[\]"):
    networks.from_tensors("resnet34", tensors, source="x")


def test_names_that_would_confuse_a_terminal():
  tensors = make_tensors() | {"a\x1b[2J\nb": np.zeros(1)}
  with pytest.raises(InputError, match=r"1 unused \(a\?\[2J b\);"):
    networks.from_tensors("resnet34", tensors, source="x")
