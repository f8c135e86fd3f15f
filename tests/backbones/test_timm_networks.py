"""timm's networks, exported and run in JAX, against torch's own forward pass."""

import jax
import numpy as np
import pytest

from experiments import check_timm
from lead_jax.backbones._timm._timm_model import timm_model

torch = pytest.importorskip("torch", reason="the bridge to timm needs torch")
pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
timm = pytest.importorskip("timm", reason="timm is not installed")

FAMILIES = {
  "vision transformer": "test_vit",
  "ConvNeXt": "test_convnext",
  "EfficientNet": "test_efficientnet",
  "RegNet": "regnetx_002",
  "MobileNetV3": "mobilenetv3_small_050",
  "convolutions and attention": "test_coatnet",
}


def _network(name):
  """The network with random weights, statistics and scales that show."""
  torch.manual_seed(0)
  network = timm.create_model(name).eval()
  check_timm.randomise(network, seed=0)
  return network


def _outputs(network, images):
  with torch.inference_mode():
    maps = network.forward_features(torch.from_numpy(images))
    features = network.forward_head(maps, pre_logits=True)
    return {"features": features.numpy(), "logits": network.forward_head(maps).numpy()}


def _relative_error(ours, theirs):
  return np.max(np.abs(np.asarray(ours) - theirs)) / np.max(np.abs(theirs))


@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES)
def test_equals_torch(name, tmp_path):
  network = _network(name)
  torch.save(network.state_dict(), tmp_path / "weights.pth")
  spec = timm_model(name, weights=tmp_path / "weights.pth", cache_dir=tmp_path)
  backbone = spec.load()

  called = f"timm/{name}={tmp_path / 'weights.pth'}"
  assert spec.name == backbone.name == called
  assert backbone.architecture == f"{name} in JAX"
  assert backbone.num_params == sum(p.numel() for p in network.parameters())
  size = (backbone.input.height, backbone.input.width)
  apply = jax.jit(backbone.apply)
  for batch in (1, 3):
    images = np.random.default_rng(batch).normal(size=(batch, 3, *size))
    images = images.astype(np.float32)
    with jax.default_matmul_precision("highest"):
      ours = apply(backbone.params, images)
    theirs = _outputs(network, images)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
      assert _relative_error(ours[key], value) < 1e-4, key
