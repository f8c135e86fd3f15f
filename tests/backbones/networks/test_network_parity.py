"""Every network computes what torchvision's own computes, with the same random weights."""

import math

import jax
import numpy as np
import pytest

from lead_jax.backbones import networks

torch = pytest.importorskip("torch", reason="parity needs torch: pip install .[torch]")
models = pytest.importorskip("torchvision", reason="parity needs torchvision").models

NUM_LOGITS = 10
AUXILIARY = {"aux_logits": False, "init_weights": False}
OPTIONS = {"googlenet": AUXILIARY, "inception_v3": AUXILIARY}
# Halved again and again: 54, 27, 14, 7, 4. Windows meet odd and even sizes.
OTHER_SIZE = 108
# Each of these has more of the same layers, with the same windows, as one that is not here.
DEEPER = ("resnet101", "resnet152", "densenet161", "densenet169", "densenet201")
SHALLOW = [name for name in networks.NETWORKS if name not in DEEPER]
ORIGINS = {"resnet50_simclr": "resnet50", "resnet50_byol": "resnet50"}


class Same(torch.nn.Module):
  """TensorFlow's `SAME` in front of a layer that pads nothing."""

  def __init__(self, layer, value):
    super().__init__()
    self.layer, self.value = layer, value
    self.size = layer.kernel_size if value else layer.kernel_size[0]
    self.stride = layer.stride if value else layer.stride[0]
    layer.padding = 0

  def forward(self, x):
    borders = []
    for length in (x.shape[3], x.shape[2]):
      reach = (math.ceil(length / self.stride) - 1) * self.stride + self.size
      total = max(reach - length, 0)
      borders += [total // 2, total - total // 2]
    return self.layer(torch.nn.functional.pad(x, borders, value=self.value))


def make_images(size):
  """One of noise, one brighter and of more contrast."""
  images = np.random.default_rng(2).standard_normal((2, size, size, 3), np.float32)
  images[1] = 2 * images[1] + 1
  return images


def make_torch(network):
  """torchvision's network, or what its origin would make of it; without values yet."""
  name = ORIGINS.get(network, network)
  with torch.device("meta"):
    module = getattr(models, name)(num_classes=NUM_LOGITS, **OPTIONS.get(name, {}))
  return module.to_empty(device="cpu").eval()


def change_borders(module, network):
  if network in ORIGINS:
    module.maxpool = Same(module.maxpool, -math.inf)
  if network == "resnet50_byol":
    module.conv1 = Same(module.conv1, 0.0)
    for group in (module.layer2, module.layer3, module.layer4):
      group[0].conv2 = Same(group[0].conv2, 0.0)


def randomise(module, seed):
  """Random values in place, of a scale that fits the shape."""
  rng = np.random.default_rng(seed)
  for name, value in module.state_dict().items():
    shape = tuple(value.shape)
    noise = rng.standard_normal(shape, np.float32)
    if len(shape) > 1:
      noise *= np.float32(math.sqrt(2 / math.prod(shape[1:])))
    elif name.endswith(("weight", "running_var")):
      noise = rng.uniform(0.5, 1.5, shape).astype(np.float32)
    value.copy_(torch.from_numpy(noise))


def calibrate(module, seed):
  """Random statistics near those of what goes through the network.

  So every layer's outputs are of order one and depend on the image, however deep it is.
  """
  rng = np.random.default_rng(seed)
  layers = [x for x in module.modules() if isinstance(x, torch.nn.BatchNorm2d)]
  for layer in layers:
    layer.momentum = 1.0
    layer.train()
  with torch.no_grad():
    module(torch.from_numpy(make_images(OTHER_SIZE).transpose(0, 3, 1, 2)))
  module.eval()
  for layer in layers:
    shape = layer.running_mean.shape
    noise = torch.from_numpy(rng.uniform(0.7, 1.4, shape).astype(np.float32))
    layer.running_var.mul_(noise).add_(0.02)
    layer.running_mean.add_(torch.from_numpy(rng.normal(0, 0.2, shape)))


def tensors_of(module):
  return {
    name: value.numpy()
    for name, value in module.state_dict().items()
    if not name.endswith("num_batches_tracked")
  }


@pytest.fixture(scope="module", params=networks.NETWORKS)
def prepared(request):
  """A network's name, torch's module, its tensors and our variables made of them.

  Of the module's scope, so that all tests of a network follow one another.
  """
  network = request.param
  module = make_torch(network)
  randomise(module, seed=0)
  calibrate(module, seed=1)
  tensors = tensors_of(module)
  variables = networks.from_tensors(network, tensors, source="test")
  change_borders(module, network)
  return network, module, tensors, variables


def reference(module, network, images):
  """Features (what enters the classifier) and logits."""
  features = []
  classifier = module.get_submodule(networks.NETWORKS[network].classifier)
  hook = classifier.register_forward_pre_hook(lambda _, x: features.append(x[0]))
  with torch.inference_mode():
    logits = module(torch.from_numpy(images.transpose(0, 3, 1, 2)))
  hook.remove()
  return {"features": features[0].numpy(), "logits": logits.numpy()}


def test_outputs_are_those_of_torchvision(prepared):
  assert_outputs_agree(prepared, networks.NETWORKS[prepared[0]].size)


@pytest.mark.parametrize("prepared", SHALLOW, indirect=True)
def test_outputs_are_those_of_torchvision_at_another_size(prepared):
  assert_outputs_agree(prepared, OTHER_SIZE)


def assert_outputs_agree(prepared, size):
  network, module, _, variables = prepared
  images = make_images(size)
  expected = reference(module, network, images)
  apply = networks.make_apply(network, variables["batch_stats"], NUM_LOGITS)
  actual = jax.jit(apply)(variables["params"], images)
  assert set(actual) == set(expected)
  for name, values in expected.items():
    largest = np.abs(values).max()
    # Far from the tolerance: the network is not dead.
    assert np.abs(values[0] - values[1]).max() > 0.02 * largest
    assert actual[name].shape == values.shape
    error = np.abs(np.asarray(actual[name]) - values).max() / largest
    # Seen: at most 8e-6, 2e-5 for the 152 layers of resnet152.
    assert error < 1e-4, name


def test_weights_come_back_bit_by_bit(prepared):
  network, _, tensors, variables = prepared
  returned = networks.to_tensors(network, variables)
  assert set(returned) == set(tensors)
  for name, value in tensors.items():
    assert returned[name].dtype == np.float32
    np.testing.assert_array_equal(returned[name], value, strict=True)
