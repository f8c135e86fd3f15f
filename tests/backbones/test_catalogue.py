"""The catalogue of published networks, and the way from a card to a backbone."""

import dataclasses
import hashlib

import jax
import numpy as np
import pytest
import safetensors.numpy

from experiments.reproduction.rehearsal import random_variables, write_weights
from lead_jax.backbones import networks
from lead_jax.backbones._backbone import Backbone
from lead_jax.backbones._resolve import resolve_models
from lead_jax.backbones._weights._layouts import LAYOUTS
from lead_jax.backbones.catalogue import CATALOGUE, ZOOS
from lead_jax.backbones.catalogue._card import PublishedWeights, papers_input
from lead_jax.backbones.catalogue._catalogue_model import catalogue_model
from lead_jax.backbones.catalogue._located import (
  WeightSources,
  fetch_weights,
  locate_weights,
)
from lead_jax.checks._errors import InputError, naming_flags
from lead_jax.literature import published_ground_truth

SMALLEST = CATALOGUE["mobilenet_v2"]


def _offline(folder, cache, **options) -> WeightSources:
  return WeightSources(folder, cache, download=False, **options)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  """A folder with random weights of one network, under our name."""
  folder = tmp_path_factory.mktemp("weights")
  write_weights([SMALLEST], folder)
  return folder


@pytest.mark.parametrize(("zoo", "table"), list(zip(ZOOS, "67", strict=True)))
def test_the_zoos_are_the_papers(zoo, table):
  names = {card.paper_name for card in CATALOGUE.values() if card.zoo == zoo}
  assert names == set(published_ground_truth(table)["Food"])


@pytest.mark.parametrize("card", [*CATALOGUE.values()], ids=lambda card: card.name)
def test_a_card_says_what_its_network_is(card):
  logits = 1000 if card.zoo == "supervised" else 0
  network = networks.NETWORKS[card.network]
  assert card.layout in LAYOUTS
  assert card.num_params == networks.count_params(card.network, logits)
  assert card.input.height == card.input.width == network.size
  assert card.input.resize > card.input.height
  assert all(file.url.startswith("https://") for file in card.files)
  assert all(file.url.partition("?")[0].endswith(file.name.rpartition("/")[2])
             for file in card.files)  # fmt: skip
  # Counting traces a network; ResNet-50 without a classifier is one for twelve.
  if card.zoo == "supervised" or card.name == "byol":
    assert card.flops == networks.count_flops(card.network, None, logits)
  else:
    assert card.flops == CATALOGUE["byol"].flops


def test_torchvision_names_begin_the_digest():
  card = CATALOGUE["resnet50"]
  assert (card.files[0].name, card.files[0].sha256) == (
    "resnet50-0676ba61.pth",
    "0676ba61",
  )


def test_weights_by_our_name(weights, tmp_path):
  found = locate_weights(SMALLEST, _offline(weights, tmp_path))
  assert found.path == weights / "mobilenet_v2.safetensors"
  assert found.origin == "own"
  (spec,) = resolve_models(["mobilenet_v2"], sources=_offline(weights, tmp_path))
  loaded = spec.load()
  assert isinstance(loaded, Backbone)
  assert (loaded.name, loaded.num_params) == ("mobilenet_v2", 3_504_872)
  # What is published of MobileNetV2 is not said of a file that nobody published.
  assert (loaded.source_accuracy, loaded.licence, loaded.pretraining) == (None, "", "")
  assert "mobilenet_v2.safetensors, not a published file" in loaded.source
  expected = random_variables("mobilenet_v2", 1000, 0)["params"]
  jax.tree.map(np.testing.assert_array_equal, loaded.params, expected)
  images = np.zeros((1, 40, 40, 3), np.float32)
  shapes = jax.eval_shape(loaded.apply, loaded.params, images)
  assert shapes["features"].shape == (1, 1280)
  assert shapes["logits"].shape == (1, 1000)
  half = jax.eval_shape(loaded.low_precision, loaded.params, images)
  assert half["features"].dtype == np.float32


def test_weights_of_ones_own(weights, tmp_path):
  path = weights / "mobilenet_v2.safetensors"
  (spec,) = resolve_models(
    [f"mobilenet_v2={path}"], sources=WeightSources(None, tmp_path)
  )
  assert spec.name == f"mobilenet_v2={path}"
  loaded = spec.load()
  assert (loaded.source_accuracy, loaded.licence, loaded.pretraining) == (None, "", "")
  assert loaded.weights_hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_preparation(weights, tmp_path):
  spec = papers_input(SMALLEST)
  model = catalogue_model(SMALLEST, _offline(weights, tmp_path), input_spec=spec)
  assert model.load().input == spec
  assert (spec.height, spec.resize, spec.interpolation) == (224, 224, "bicubic")


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_papers_input_is_that_of_torchvisions_transform(name):
  """With weights torchvision turns ImageNet's normalisation back inside the network."""
  torch = pytest.importorskip("torch")
  torchvision = pytest.importorskip("torchvision")
  peer = getattr(torchvision.models, name)(
    weights=None, transform_input=True, init_weights=False, aux_logits=False
  )
  pixels = torch.rand(1, 3, 4, 4)
  shape = (1, 3, 1, 1)
  mean = torch.tensor([0.485, 0.456, 0.406]).reshape(shape)
  std = torch.tensor([0.229, 0.224, 0.225]).reshape(shape)
  seen = peer._transform_input((pixels - mean) / std)
  spec = papers_input(CATALOGUE[name])
  ours = (255 * pixels - torch.tensor(spec.mean).reshape(shape)) / torch.tensor(
    spec.std
  ).reshape(shape)
  torch.testing.assert_close(ours, seen, atol=1e-5, rtol=0)


def test_the_papers_input_of_the_others_is_imagenets():
  for name in ("resnet50", "swav", "simclr_v1", "byol"):
    spec = papers_input(CATALOGUE[name])
    assert spec.mean == (123.675, 116.28, 103.53)
    assert spec.std == (58.395, 57.12, 57.375)


def test_the_folder_comes_before_the_cache(tmp_path):
  cached = tmp_path / "cache" / "weights" / "downloads"
  cached.mkdir(parents=True)
  file = SMALLEST.files[0].name
  (cached / file).write_bytes(b"")
  sources = _offline(tmp_path / "folder", tmp_path / "cache")
  assert locate_weights(SMALLEST, sources).path == cached / file
  assert locate_weights(SMALLEST, sources).origin == "verified"
  (tmp_path / "folder").mkdir()
  own = tmp_path / "folder" / "mobilenet_v2.pth"
  own.write_bytes(b"")
  assert (
    locate_weights(SMALLEST, sources).path,
    locate_weights(SMALLEST, sources).origin,
  ) == (
    own,
    "own",
  )
  (tmp_path / "folder" / file).write_bytes(b"")
  assert locate_weights(SMALLEST, sources).path == tmp_path / "folder" / file


def test_published_files_without_a_digest_are_not_ones_own(tmp_path):
  card = CATALOGUE["byol"]
  (tmp_path / card.files[0].name).write_bytes(b"")
  assert locate_weights(card, _offline(tmp_path, tmp_path)).origin == "unverified"


def test_what_is_nowhere_says_what_to_fetch(tmp_path):
  sources = _offline(tmp_path / "weights", tmp_path / "cache")
  with pytest.raises(InputError) as caught:
    fetch_weights(CATALOGUE["resnet34"], sources)
  line = str(caught.value)
  assert "https://download.pytorch.org/models/resnet34-b627a593.pth" in line
  assert f"save it as {tmp_path}/weights/resnet34-b627a593.pth" in line
  assert "\n" not in line
  with pytest.raises(InputError, match=r"save that as simclr_v1\.zip"):
    fetch_weights(CATALOGUE["simclr_v1"], sources)


def test_a_file_under_the_published_name_must_be_the_published_one(tmp_path):
  (tmp_path / "resnet34-b627a593.pth").write_bytes(b"something else")
  (spec,) = resolve_models(["resnet34"], sources=_offline(tmp_path, tmp_path / "cache"))
  with pytest.raises(
    InputError, match=r"SHA256 begins .*published is b627a593"
  ) as error:
    spec.load()
  assert str(error.value).endswith("; check_weights=False takes it as it is")
  with naming_flags():
    assert str(error.value).endswith("; --nocheck_weights takes it as it is")


def test_another_file_under_the_published_name_may_be_taken(weights, tmp_path):
  folder = tmp_path / "weights"
  folder.mkdir()
  content = (weights / "mobilenet_v2.safetensors").read_bytes()
  (folder / SMALLEST.files[0].name).write_bytes(content)
  sources = _offline(folder, tmp_path, check=False)
  assert fetch_weights(SMALLEST, sources).origin == "own"
  loaded = catalogue_model(SMALLEST, sources).load()
  assert "mobilenet_v2-b0353104.pth, not a published file" in loaded.source


def test_a_checkpoint_of_several_files_is_judged_by_all(tmp_path):
  """SimCLR's index and data, each in its folder; no digest of them is published."""
  card = CATALOGUE["simclr_v2"]
  for file in card.files:
    path = tmp_path / file.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
  found = fetch_weights(card, _offline(tmp_path, tmp_path, check=False))
  assert (found.path, found.origin) == (tmp_path / card.files[0].name, "unverified")
  digested = [dataclasses.replace(file, sha256="00") for file in card.files]
  other = dataclasses.replace(card, files=tuple(digested))
  assert fetch_weights(other, _offline(tmp_path, tmp_path, check=False)).origin == "own"
  empty = hashlib.sha256(b"").hexdigest()
  same = dataclasses.replace(
    card, files=tuple(dataclasses.replace(f, sha256=empty) for f in card.files)
  )
  found = fetch_weights(same, _offline(tmp_path, tmp_path, check=False))
  assert found.origin == "verified"


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("resnet50=", "give the weights file after the equals sign"),
    ("resnet5", "did you mean resnet50"),
    ("resnet5=x.pth", "did you mean resnet50"),
  ],
)
def test_wrong_names(name, message):
  with pytest.raises(InputError, match=message) as caught:
    resolve_models([name])
  assert "\n" not in str(caught.value)


def test_the_wrong_architecture_is_one_line(weights, tmp_path):
  path = weights / "mobilenet_v2.safetensors"
  (spec,) = resolve_models([f"resnet34={path}"], sources=WeightSources(None, tmp_path))
  with pytest.raises(
    InputError, match=r"does not hold the weights of resnet34"
  ) as error:
    spec.load()
  assert "missing" in str(error.value)
  assert "unused" in str(error.value)
  assert "\n" not in str(error.value)


def test_a_truncated_file_is_one_line(weights, tmp_path):
  path = tmp_path / "cut.safetensors"
  path.write_bytes((weights / "mobilenet_v2.safetensors").read_bytes()[:-1000])
  (spec,) = resolve_models(
    [f"mobilenet_v2={path}"], sources=WeightSources(None, tmp_path)
  )
  with pytest.raises(InputError, match=r"cut\.safetensors") as error:
    spec.load()
  assert "\n" not in str(error.value)


def test_a_self_supervised_checkpoint(tmp_path):
  """As MoCo's program names its tensors, with the encoder that is not wanted."""
  card = CATALOGUE["moco_v1"]
  variables = random_variables("resnet50", 0, 0)
  tensors = networks.to_tensors("resnet50", variables)
  file = {f"state_dict.module.encoder_q.{k}": v for k, v in tensors.items()}
  file |= {f"state_dict.module.encoder_k.{k}": v for k, v in tensors.items()}
  file["state_dict.module.encoder_q.fc.weight"] = np.zeros((128, 2048), np.float32)
  file["state_dict.module.encoder_q.fc.bias"] = np.zeros(128, np.float32)
  file["state_dict.module.queue"] = np.zeros((128, 16), np.float32)
  path = tmp_path / "moco.safetensors"
  safetensors.numpy.save_file(file, path)
  loaded = catalogue_model(card, WeightSources(None, tmp_path), path=path).load()
  jax.tree.map(np.testing.assert_array_equal, loaded.params, variables["params"])


def test_what_is_published_is_said_of_a_published_file(tmp_path):
  """A file under the card's name, with the card's digest."""
  path = tmp_path / "published.safetensors"
  variables = random_variables("mobilenet_v2", 1000, 0)
  safetensors.numpy.save_file(networks.to_tensors("mobilenet_v2", variables), path)
  digest = hashlib.sha256(path.read_bytes()).hexdigest()
  file = PublishedWeights("published.safetensors", "https://example.org/x", digest[:8])
  card = dataclasses.replace(SMALLEST, files=(file,))
  loaded = catalogue_model(card, _offline(tmp_path, tmp_path / "cache")).load()
  assert (loaded.source_accuracy, loaded.licence) == (card.top1, card.licence)
  assert loaded.source.endswith("(published.safetensors)")


def test_a_zoo_by_its_name(tmp_path):
  specs = resolve_models(["self-supervised"], sources=_offline(None, tmp_path))
  assert len(specs) == 12
  assert specs[0].name == "byol"


def test_weights_that_do_not_fit_are_not_kept(weights, tmp_path):
  path = weights / "mobilenet_v2.safetensors"
  spec = catalogue_model(
    CATALOGUE["resnet34"], WeightSources(None, tmp_path), path=path
  )
  with pytest.raises(InputError):
    spec.load()
  assert not list(tmp_path.rglob("*.safetensors"))
  catalogue_model(SMALLEST, WeightSources(None, tmp_path), path=path).load()
  assert len(list(tmp_path.rglob("*.safetensors"))) == 1
