"""Extraction by chunks: killed, damaged, raced, of a first part of the images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones import Backbone, InputSpec
from lead_jax.checks import InputError
from lead_jax.data import Dataset, first_images
from lead_jax.features import FeatureStore, extract
from lead_jax.features._pieces import CHUNK

SPEC = InputSpec(4, 4, mean=(0.0,) * 3, std=(255.0,) * 3)
N = 5 * CHUNK + 17


class Counted:
  """Images that know which of them were read."""

  def __init__(self, count: int = N):
    self.images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), np.uint8)
    self.reads: list[int] = []

  def __call__(self, index: int) -> np.ndarray:
    self.reads.append(index)
    return self.images[index]


def backbone() -> Backbone:
  w = np.random.default_rng(1).standard_normal((48, 8)).astype(np.float32)

  def apply(params, images):
    features = jax.nn.relu(images.reshape(images.shape[0], -1) @ params["w"])
    return {"features": features, "logits": features[:, :3]}

  return Backbone("net", apply, {"w": w}, SPEC, weights_hash="ab" * 32)


def data(count: int = N) -> tuple[Dataset, Counted]:
  images = Counted(count)
  labels = (np.arange(count) % 3).astype(np.int32)
  return Dataset("d", "all", labels, ("a", "b", "c"), "print", images), images


def stop_at(count: int):
  def progress(done, total):
    if done >= count:
      raise KeyboardInterrupt

  return progress


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, 3 * CHUNK + 40, N - 1])
def test_a_killed_extraction_repeats_one_chunk_at_most(tmp_path, count):
  whole, images = data()
  expected = extract(backbone(), whole).features
  images.reads.clear()
  store = FeatureStore(tmp_path / "store")
  with pytest.raises(KeyboardInterrupt):
    extract(backbone(), whole, store=store, progress=stop_at(count), batch_size=32)
  told = []
  again = FeatureStore(tmp_path / "store")
  images.reads.clear()
  found = extract(
    backbone(), whole, store=again, progress=lambda *c: told.append(c), batch_size=32
  )
  np.testing.assert_array_equal(found.features, expected)
  assert N - len(images.reads) > count - CHUNK
  assert found.cached == (not images.reads)
  assert told[-1] == (N, N)
  assert not list((again.root / "pieces").glob("*/*"))
  images.reads.clear()
  assert extract(backbone(), whole, store=again).cached
  assert images.reads == []


def test_first_images_are_part_of_the_work_for_all(tmp_path):
  whole, images = data()
  expected = extract(backbone(), whole)
  store = FeatureStore(tmp_path / "store")
  read = 0
  for count in (100, 100 + CHUNK, 100 + CHUNK, 3 * CHUNK):
    part = first_images(whole, count)
    images.reads.clear()
    found = extract(backbone(), part, store=store)
    rows = whole.order[:count]
    np.testing.assert_array_equal(found.features, expected.features[rows])
    np.testing.assert_array_equal(found.source_logits, expected.source_logits[rows])
    assert len(images.reads) == count - read
    assert found.cached == (count == read)
    read = count
  images.reads.clear()
  found = extract(backbone(), whole, store=store)
  np.testing.assert_array_equal(found.features, expected.features)
  assert len(images.reads) == N - read
  # And of all of them any first part is known.
  images.reads.clear()
  part = extract(backbone(), first_images(whole, 77), store=store)
  np.testing.assert_array_equal(part.features, expected.features[whole.order[:77]])
  assert part.cached
  assert images.reads == []
  assert part.key not in {found.key, expected.key}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_damaged_piece_is_named_and_made_again(tmp_path, damage):
  whole, images = data()
  heard = []
  store = FeatureStore(tmp_path / "store", warn=heard.append)
  with pytest.raises(KeyboardInterrupt):
    extract(backbone(), whole, store=store, progress=stop_at(4 * CHUNK))
  first, second = sorted(store.root.glob("pieces/*/*/*"))[:2]
  content = bytearray(second.read_bytes())
  content[-5] ^= 1
  second.write_bytes(
    {
      "flip": bytes(content),
      "cut": bytes(second.read_bytes()[:-4]),
      "empty": b"",
      "swap": first.read_bytes(),
    }[damage]
  )
  images.reads.clear()
  found = extract(backbone(), whole, store=store)
  np.testing.assert_array_equal(found.features, extract(backbone(), whole).features)
  (line,) = heard
  assert "damaged" in line
  assert str(second) in line


def test_two_processes_may_join_the_same_pieces(tmp_path, monkeypatch):
  whole, _ = data()
  mine, other = (FeatureStore(tmp_path / "store") for _ in range(2))
  expected = extract(backbone(), whole).features
  with pytest.raises(KeyboardInterrupt):
    extract(backbone(), whole, store=mine, progress=stop_at(CHUNK))
  raced = []

  def race(done, total):
    # When this one is about to join, another one has joined and removed the pieces.
    if done == total and not raced:
      raced.append(extract(backbone(), whole, store=other).features)

  found = extract(backbone(), whole, store=mine, progress=race)
  np.testing.assert_array_equal(found.features, expected)
  np.testing.assert_array_equal(raced[0], expected)
  assert extract(backbone(), whole, store=mine).cached


def test_a_full_disk_keeps_chunks_in_memory(tmp_path, monkeypatch):
  whole, _ = data()
  heard = []
  store = FeatureStore(tmp_path / "store", warn=heard.append)
  expected = extract(backbone(), whole).features

  def refuse(*args, **options):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("lead_jax.features._pieces.replacing", refuse)
  monkeypatch.setattr("lead_jax.features._store.replacing_folder", refuse)
  found = extract(backbone(), whole, store=store)
  np.testing.assert_array_equal(found.features, expected)
  (message,) = heard
  assert "No space left on device" in message


def test_values_that_are_not_finite_end_the_extraction_where_they_are(tmp_path):
  whole, images = data()
  store = FeatureStore(tmp_path / "store")
  bad = whole.order[2 * CHUNK + 3]
  images.images[bad] = 255
  plain = backbone()

  def apply(params, x):
    outputs = plain.apply(params, x)
    white = jnp.all(x == 1, axis=(1, 2, 3))[:, None]
    return {"features": jnp.where(white, jnp.nan, outputs["features"])}

  broken = dataclasses.replace(plain, apply=apply)
  with pytest.raises(InputError, match=f"for 1 of the {3 * CHUNK} images of 'd'"):
    extract(broken, whole, store=store, batch_size=16)
  assert len(images.reads) < N


@pytest.mark.parametrize("mixes", ["statistics", "places"])
def test_networks_that_mix_images_are_refused(mixes):
  whole, _ = data(60)
  plain = backbone()

  def apply(params, x):
    features = plain.apply(params, x)["features"]
    if mixes == "statistics":  # batch normalisation in training mode
      features = features - features.mean(axis=0, keepdims=True)
    else:
      features = jnp.cumsum(features, axis=0)
    return {"features": features}

  mixed = dataclasses.replace(plain, apply=apply)
  with pytest.raises(InputError, match="other features beside other images"):
    extract(mixed, whole)
  # One image per batch has no others.
  extract(mixed, whole, batch_size=1)
