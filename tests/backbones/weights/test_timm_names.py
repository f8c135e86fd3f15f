"""timm's names, against timm and torchvision themselves."""

import numpy as np
import pytest

from lead_jax.backbones._weights._layouts import to_torchvision

# What timm has of torchvision's twelve.
SAME = {
  "resnet34": "resnet34",
  "densenet121": "densenet121",
  "inception_v3": "inception_v3",
  "mnasnet_100": "mnasnet1_0",
  "mobilenetv2_100": "mobilenet_v2",
}


@pytest.mark.parametrize("theirs", SAME)
def test_names_and_shapes(theirs):
  torch = pytest.importorskip("torch")
  timm = pytest.importorskip("timm")
  models = pytest.importorskip("torchvision.models")
  options = {"init_weights": False} if theirs == "inception_v3" else {}
  with torch.device("meta"):
    from_timm = timm.create_model(theirs).state_dict()
    network = getattr(models, SAME[theirs])(weights=None, **options)
  raw = {name: np.zeros(tuple(t.shape), "f2") for name, t in from_timm.items()}
  mapped = to_torchvision(raw, "timm", source="x")
  expected = {
    name: tuple(t.shape)
    for name, t in network.state_dict().items()
    if "AuxLogits" not in name and "num_batches_tracked" not in name
  }
  assert {name: value.shape for name, value in mapped.items()} == expected


@pytest.mark.parametrize("theirs", ["mnasnet_100", "mobilenetv2_100"])
def test_the_same_network(theirs):
  torch = pytest.importorskip("torch")
  timm = pytest.importorskip("timm")
  models = pytest.importorskip("torchvision.models")
  torch.manual_seed(0)
  one = timm.create_model(theirs).eval()
  for name, buffer in one.named_buffers():
    if "running" in name:
      buffer.uniform_(0.5, 1.5)
  raw = {name: tensor.numpy() for name, tensor in one.state_dict().items()}
  mapped = to_torchvision(raw, "timm", source="x")
  other = getattr(models, SAME[theirs])(weights=None).eval()
  for name, tensor in other.state_dict().items():
    if "num_batches_tracked" not in name:
      tensor.copy_(torch.from_numpy(mapped.pop(name)))
  assert not mapped
  image = torch.randn(1, 3, 64, 64)
  with torch.no_grad():
    expected, found = one(image), other(image)
  # The same operations in the same order; the classifiers differ in their dropout only.
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
