"""The bridge to timm beside its numbers: cache, torch in its place, weights, errors."""

import json
import pickle
import shutil
import sys
import threading
import types
import warnings

import jax
import numpy as np
import pytest

from experiments import check_timm
from lead_jax.backbones._backbone import ModelSpec
from lead_jax.backbones._precision import with_precision
from lead_jax.backbones._timm import _export as export
from lead_jax.backbones._timm._timm_model import timm_model
from lead_jax.backbones._timm._timm_preprocessing import input_spec
from lead_jax.checks._errors import InputError

torch = pytest.importorskip("torch", reason="the bridge to timm needs torch")
pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
timm = pytest.importorskip("timm", reason="timm is not installed")

CONFIG = {
  "input_size": (3, 160, 160),
  "interpolation": "bicubic",
  "mean": (0.5, 0.25, 0.5),
  "std": (0.2, 0.5, 0.5),
  "crop_pct": 0.95,
  "crop_mode": "center",
}


def _network(name, **options):
  torch.manual_seed(0)
  return timm.create_model(name, **options).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A file of weights, and a cache with its export."""
  folder = tmp_path_factory.mktemp("timm")
  torch.save(_network("test_vit").state_dict(), folder / "weights.pth")
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(export, "_PROTOBUF_LIMIT", 0)  # weights beside the file
    _load(folder)
  (weights,) = folder.glob("timm/*/model.onnx.data")
  assert weights.stat().st_size > 1e6
  return folder


def _load(folder, name="test_vit", file="weights.pth", **options):
  return timm_model(name, weights=folder / file, cache_dir=folder, **options).load()


def _no_export(*args, **kwargs):
  raise RuntimeError(
    "this network cannot be exported\nand more than one line of advice"
  )


@pytest.fixture(scope="module")
def in_torch(folder, tmp_path_factory):
  lines = []
  options = {
    "weights": folder / "weights.pth",
    "cache_dir": tmp_path_factory.mktemp("cache"),
    "warn": lines.append,
  }
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(torch.onnx, "export", _no_export)
    backbone = timm_model("test_vit", **options).load()
  assert lines == [
    f"timm/test_vit={folder / 'weights.pth'} runs in torch on the host, slower, in "
    "float32 and with a fixed network, since its ONNX export cannot be used: dynamo: "
    "RuntimeError: this network cannot be exported; torchscript: RuntimeError: this "
    "network cannot be exported"
  ]
  again = timm_model("test_vit", **options).load()  # not tried again
  assert again.architecture == backbone.architecture
  assert len(lines) == 2
  return backbone


class TestPreprocessing:
  @pytest.mark.parametrize(
    ("changes", "resize"),
    [
      ({}, 168),
      ({"crop_pct": 0.875, "interpolation": "bilinear"}, 182),
      ({"crop_pct": 1.0}, 160),
      ({"crop_pct": 1.0, "crop_mode": "squash"}, None),
    ],
  )
  def test_is_timms_own(self, changes, resize):
    from PIL import Image

    from lead_jax.data._preprocess import prepare_batch, resize_image

    config = CONFIG | changes
    spec, lost = input_spec(config)
    assert (spec.height, spec.width, spec.resize, lost) == (160, 160, resize, "")
    image = np.random.default_rng(0).integers(0, 256, (210, 301, 3)).astype(np.uint8)
    theirs = timm.data.create_transform(**config)(Image.fromarray(image)).numpy()
    ours = prepare_batch(resize_image(image, spec)[None], spec)[0]
    # float32 rounding of (x / 255 - mean) / std: 4e-7 seen.
    assert np.max(np.abs(ours - theirs)) < 2e-6

  @pytest.mark.parametrize(
    ("changes", "said"),
    [
      ({"crop_mode": "squash"}, "crop mode squash with crop_pct 0.95"),
      ({"crop_mode": "border"}, "crop mode border with crop_pct 0.95"),
      ({"input_size": (3, 160, 128)}, "crop mode center to 160 x 128"),
      ({"interpolation": "lanczos"}, "interpolation lanczos becomes bicubic"),
    ],
  )
  def test_says_what_it_cannot_express(self, changes, said):
    spec, lost = input_spec(CONFIG | changes)
    assert said in lost
    assert spec.height == 160

  def test_refuses_other_channels(self):
    with pytest.raises(InputError, match="4 channels"):
      input_spec(CONFIG | {"input_size": (4, 160, 160)})


class TestCache:
  def test_a_second_load_exports_nothing(self, folder, monkeypatch):
    first = _load(folder)
    monkeypatch.setattr(torch.onnx, "export", _no_export)
    second = _load(folder)
    assert second.architecture == "test_vit in JAX"
    assert second.weights_hash == first.weights_hash
    assert "from torch" in second.source

  def test_is_called_as_the_user_wrote_it(self, folder, monkeypatch):
    monkeypatch.chdir(folder)
    spec = timm_model("test_vit", weights="weights.pth", cache_dir=folder)
    assert spec.name == spec.load().name == "timm/test_vit=weights.pth"
    assert timm_model("test_vit", cache_dir=folder).name == "timm/test_vit"

  def test_other_weights_are_another_export(self, folder, monkeypatch):
    state = _network("test_vit").state_dict()
    state["norm.weight"] *= 2
    torch.save(state, folder / "others.pth")
    monkeypatch.setattr(torch.onnx, "export", _no_export)
    with pytest.warns(UserWarning, match="cannot be exported"):
      others = _load(folder, file="others.pth")
    assert others.weights_hash != _load(folder).weights_hash

  def test_a_folder_that_cannot_be_written_is_said(self, folder, tmp_path):
    (tmp_path / "timm").touch()
    spec = timm_model("test_vit", weights=folder / "weights.pth", cache_dir=tmp_path)
    with pytest.raises(InputError, match="another cache folder"):
      spec.load()


class TestTorchInItsPlace:
  @pytest.mark.parametrize("batch", [1, 3])
  def test_equals_torch(self, in_torch, batch):
    assert in_torch.architecture == "test_vit in torch"
    images = np.random.default_rng(0).normal(size=(batch, 3, 160, 160))
    images = images.astype(np.float32)
    ours = jax.jit(in_torch.apply)(in_torch.params, images)
    network = _network("test_vit")
    with torch.inference_mode():
      maps = network.forward_features(torch.from_numpy(images))
      features = network.forward_head(maps, pre_logits=True).numpy()
      logits = network.forward_head(maps).numpy()
    np.testing.assert_allclose(ours["features"], features, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours["logits"], logits, rtol=0, atol=1e-5)

  def test_a_derivative_is_refused(self, in_torch):
    images = np.zeros((2, 3, 160, 160), np.float32)

    def loss(params):
      return in_torch.apply(params, images)["features"].sum()

    with pytest.raises(InputError, match=r"'timm/test_vit=.*' runs in torch"):
      jax.jit(jax.grad(loss))(in_torch.params)

  def test_stays_float32(self, in_torch):
    spec = ModelSpec("model", lambda: in_torch)
    assert with_precision(spec, "bfloat16").load() is in_torch

  def test_many_batches_at_once_come_back(self, in_torch):
    """jax.pure_callback never returns from this: its arguments wait for its callers."""
    apply = jax.jit(in_torch.apply)
    images = np.zeros((8, 3, 160, 160), np.float32)
    found = []

    def run():
      for _ in range(2):
        found.append(np.asarray(apply(in_torch.params, images)["features"]))

    threads = [threading.Thread(target=run, daemon=True) for _ in range(16)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join(timeout=60)
    assert len(found) == 32

  def test_a_wrong_export_is_not_used(self, folder, tmp_path, monkeypatch):
    """Then torch's older exporter has its turn."""
    (others,) = (path.parent for path in folder.glob("timm/*/model.onnx"))

    def wrong(network, images, count, path):
      shutil.copytree(others, path.parent, dirs_exist_ok=True)

    state = _network("test_vit").state_dict()
    state["norm.bias"] += 0.1
    torch.save(state, tmp_path / "weights.pth")
    monkeypatch.setattr(export, "_dynamo", wrong)
    assert _load(tmp_path).architecture == "test_vit in JAX"
    (path,) = tmp_path.glob("timm/*/export.json")
    record = json.loads(path.read_text())
    assert record["exporter"] == "torchscript"
    assert record["relative_error"] < 1e-4
    assert record["reason"].startswith("dynamo: differs from torch by")


class TestWeights:
  """None of these reaches the export."""

  @pytest.fixture(autouse=True)
  def _in_torch(self, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", _no_export)
    warnings.filterwarnings("ignore", ".*runs in torch on the host.*")

  def test_safetensors_wrapped_averaged_and_of_other_classes(self, tmp_path):
    from safetensors.torch import save_file

    state = _network("test_vit", num_classes=7).state_dict()
    averaged = {f"module.{key}": value + 1 for key, value in state.items()}
    save_file(state, tmp_path / "plain.safetensors")
    torch.save(
      {"state_dict": state, "state_dict_ema": averaged, "epoch": 3},
      tmp_path / "wrapped.pth",
    )
    images = np.zeros((1, 3, 160, 160), np.float32)
    outputs = []
    for file in ("plain.safetensors", "wrapped.pth"):
      backbone = _load(tmp_path, file=file)
      outputs.append(np.asarray(backbone.apply(backbone.params, images)["logits"]))
      assert outputs[-1].shape == (1, 7)
      assert backbone.source == f"{tmp_path / file}; no ONNX export"
    expected = _network("test_vit", num_classes=7)
    with torch.inference_mode():
      logits = expected(torch.from_numpy(images)).numpy()
      expected.load_state_dict({key: value + 1 for key, value in state.items()})
      averaged_logits = expected(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(outputs[0], logits, rtol=0, atol=1e-5)
    np.testing.assert_allclose(outputs[1], averaged_logits, rtol=1e-4, atol=1e-3)

  def test_without_a_classifier_there_are_no_logits(self):
    from lead_jax.backbones._timm._forward import pooled

    outputs = pooled(_network("test_vit", num_classes=0))(torch.zeros(1, 3, 160, 160))
    assert [tuple(y.shape) for y in outputs] == [(1, 64)]

  def test_random_weights_are_called_so(self, tmp_path):
    backbone = timm_model("test_vit", cache_dir=tmp_path, pretrained=False).load()
    assert backbone.source.startswith("random weights")
    assert (backbone.pretraining, backbone.licence) == ("", "")
    assert backbone.num_params == 371240

  def test_what_is_missing_unused_and_misshapen_is_listed(self, tmp_path):
    state = _network("test_vit").state_dict()
    state["pos_embedding"] = state.pop("cls_token")
    state["blocks.0.norm1.bias"] = torch.zeros(3)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError) as error:
      _load(tmp_path)
    text = str(error.value)
    assert "1 missing (cls_token)" in text
    assert "1 unexpected (pos_embedding)" in text
    assert "1 misshapen (blocks.0.norm1.bias [3], not [64])" in text
    assert "\n" not in text

  def test_an_architecture_that_timm_loads_in_part_is_refused_too(self, tmp_path):
    state = _network("dla46_c").state_dict()
    del state["fc.bias"]
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"1 missing \(fc.bias\)"):
      _load(tmp_path, "dla46_c")

  def test_another_network_is_refused(self, tmp_path):
    torch.save(_network("test_resnet").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"missing \(cls_token.*unexpected") as error:
      _load(tmp_path)
    assert len(str(error.value)) < 600

  def test_names_that_would_confuse_a_terminal(self, tmp_path):
    state = _network("test_vit").state_dict() | {"a\x1b[2J\nb": torch.zeros(1)}
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"one is called 'a\?\[2J b'$"):
      _load(tmp_path)

  def test_nothing_in_a_file_is_executed(self, tmp_path):
    class Attack:
      def __reduce__(self):
        return print, ("executed",)

    (tmp_path / "weights.pth").write_bytes(pickle.dumps({"a": Attack()}))
    with pytest.raises(InputError):
      _load(tmp_path)


class TestErrors:
  @pytest.mark.parametrize("package", ["timm", "torch", "onnxscript"])
  def test_a_missing_package_is_named(self, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*lead_jax\[torch\]"):
      timm_model("test_vit", cache_dir=tmp_path)

  @pytest.mark.parametrize(
    ("name", "said"),
    [
      ("vit_tiny", "did you mean vit_tiny_patch16_224"),
      ("resnet5O", "did you mean resnet50"),
      ("convnext_atto.d3_in1k", "it has convnext_atto.d2_in1k"),
    ],
  )
  def test_an_unknown_name_brings_the_nearest(self, name, said, tmp_path):
    with pytest.raises(InputError, match=said):
      timm_model(name, cache_dir=tmp_path)

  def test_a_failing_download_says_what_to_fetch(self, monkeypatch, tmp_path):
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def unreachable(repository, file, revision=None):
      asked.append((repository, file))
      raise LocalEntryNotFoundError("An error happened.\nPlease check your connection.")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    name = "vit_small_patch16_224.augreg_in1k"
    spec = timm_model(name, cache_dir=tmp_path)
    with pytest.raises(InputError) as error:
      spec.load()
    assert str(error.value) == (
      f"timm/{name}: its weights cannot be fetched (the hub cannot be reached, and its "
      f"cache does not hold them): fetch model.safetensors from "
      f"https://huggingface.co/timm/{name} by hand and name it as timm/{name}=FILE"
    )
    assert asked == [(f"timm/{name}", "model.safetensors")]

  def test_published_weights_are_read_like_a_file(self, folder, monkeypatch, tmp_path):
    monkeypatch.setattr(
      "huggingface_hub.hf_hub_download", lambda *_, **__: str(folder / "weights.pth")
    )
    monkeypatch.setattr(torch.onnx, "export", _no_export)
    backbone = timm_model("test_vit", cache_dir=folder).load()
    assert backbone.source.startswith(
      "https://huggingface.co/timm/test_vit.r160_in1k; "
    )
    assert backbone.pretraining == "r160_in1k"
    assert backbone.licence == "apache-2.0"

  def test_no_published_weights(self, tmp_path):
    name = next(
      name for name in timm.list_models("vit_*") if not timm.is_model_pretrained(name)
    )
    with pytest.raises(InputError, match=f"no such weights; give.*timm/{name}=FILE"):
      timm_model(name, cache_dir=tmp_path).load()

  def test_weights_outside_the_hub(self, monkeypatch, tmp_path):
    published = types.SimpleNamespace(hf_hub_id=None, url="https://host/file.pth")
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: published)
    with pytest.raises(InputError, match=r"fetch https://host/file.pth by hand"):
      timm_model("test_vit", cache_dir=tmp_path).load()


def test_the_check_has_a_row_for_each(monkeypatch, tmp_path):
  monkeypatch.setattr(torch.onnx, "export", _no_export)
  rows = list(check_timm.check(["test_vit", "no_such"], tmp_path))
  reason = "RuntimeError: this network cannot be exported"
  assert rows == [
    f"| test_vit | 0.4 M | torch |  |  | dynamo: {reason}; torchscript: {reason} |",
    "| no_such | | not | | | Unknown model (no_such) |",
  ]
