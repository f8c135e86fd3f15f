"""The host's half (threads, cache, order) and the device's half (arithmetic)."""

import dataclasses
import json
import threading

import jax
import numpy as np
import pytest
from PIL import Image

from lead_jax.backbones._input_spec import InputSpec
from lead_jax.checks._errors import InputError
from lead_jax.data import _preprocess as preprocess
from lead_jax.data._dataset import Dataset
from lead_jax.data._folder import load_folder_dataset
from lead_jax.data._preprocess import (
  Resized,
  ResizedCache,
  prepare_batch,
  resize_image,
  resized_batches,
)

SPEC = InputSpec(height=6, width=4)


def counted_dataset(count: int = 11, fingerprint: str = "f"):
  """A data set of images of many sizes that counts its reads."""
  rng = np.random.default_rng(0)
  images = [rng.integers(0, 256, (5 + i, 9 - i % 4, 3), np.uint8) for i in range(count)]
  reads = []

  def read_image(index):
    reads.append(index)
    return images[index]

  data = Dataset("d", "all", np.zeros(count, np.int32), ("a",), fingerprint, read_image)
  return data, images, reads


@pytest.mark.parametrize("batch_size", [1, 4, 11, 50])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_are_the_images_in_order(batch_size, threads):
  data, images, reads = counted_dataset()
  batches = list(resized_batches(data, SPEC, batch_size=batch_size, threads=threads))
  assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
  expected = np.stack(
    [np.asarray(Image.fromarray(i).resize((4, 6), Image.BILINEAR)) for i in images]
  )
  np.testing.assert_array_equal(np.concatenate(batches), expected)
  assert sorted(reads) == list(range(11))


@pytest.mark.parametrize("spec", [SPEC, InputSpec(6, 4, resize=7)])
def test_pictures_and_arrays_give_the_same_batches(make_folder, spec):
  root = make_folder({"a": 4, "b": 3})
  for budget in (0, 1 << 30):
    data = load_folder_dataset(root, memory_budget=budget)
    arrays = [resize_image(data.read_image(i), spec) for i in range(7)]
    asked = []

    class Reader:
      def __call__(self, index):
        raise AssertionError("an array is not needed")

      def picture(self, index, data=data, asked=asked):
        asked.append(index)
        return data.read_image.picture(index)

    watched = dataclasses.replace(data, read_image=Reader())
    batches = list(resized_batches(watched, spec, batch_size=3))
    np.testing.assert_array_equal(np.concatenate(batches), np.stack(arrays))
    assert sorted(asked) == list(range(7))


def test_no_more_than_the_prefetched_batches_are_read_ahead():
  data, _, reads = counted_dataset(40)
  batches = resized_batches(data, SPEC, batch_size=4, prefetch=2, threads=2)
  next(batches)
  batches.close()
  assert len(reads) <= 4 + 2 * 4


def test_closing_cancels_what_is_not_begun_and_ends_the_threads(monkeypatch):
  closing = threading.Event()

  class Pool(preprocess.ThreadPoolExecutor):
    def shutdown(self, wait=True, *, cancel_futures=False):
      super().shutdown(wait=False, cancel_futures=cancel_futures)
      closing.set()
      super().shutdown(wait=wait)

  monkeypatch.setattr(preprocess, "ThreadPoolExecutor", Pool)
  data, images, reads = counted_dataset(40)

  def read_image(index):
    reads.append(index)
    if index >= 4:
      closing.wait(20)
    return images[index]

  data = dataclasses.replace(data, read_image=read_image)
  before = threading.active_count()
  batches = resized_batches(data, SPEC, batch_size=4, threads=1)
  next(batches)
  batches.close()
  assert threading.active_count() == before
  assert len(reads) <= 5


@pytest.mark.parametrize(
  ("name", "resampling"),
  [
    ("nearest", Image.Resampling.NEAREST),
    ("bilinear", Image.Resampling.BILINEAR),
    ("bicubic", Image.Resampling.BICUBIC),
    ("lanczos", Image.Resampling.LANCZOS),
    ("box", Image.Resampling.BOX),
    ("hamming", Image.Resampling.HAMMING),
  ],
)
def test_interpolation(name, resampling):
  image = np.random.default_rng(1).integers(0, 256, (17, 13, 3), np.uint8)
  spec = InputSpec(height=6, width=4, interpolation=name)
  expected = np.asarray(Image.fromarray(image).resize((4, 6), resampling))
  np.testing.assert_array_equal(resize_image(image, spec), expected)


def test_an_image_of_that_size_is_untouched():
  image = np.random.default_rng(1).integers(0, 256, (6, 4, 3), np.uint8)
  assert resize_image(image, SPEC) is image


def test_cache_saves_the_second_network_all_reading():
  data, _, reads = counted_dataset()
  cache = ResizedCache()
  first = np.concatenate(list(resized_batches(data, SPEC, batch_size=4, cache=cache)))
  second = np.concatenate(list(resized_batches(data, SPEC, batch_size=3, cache=cache)))
  np.testing.assert_array_equal(first, second)
  assert len(reads) == 11
  other = InputSpec(height=6, width=4, interpolation="nearest")
  list(resized_batches(data, other, batch_size=4, cache=cache))
  assert len(reads) == 22
  same_pixels = InputSpec(height=6, width=4, channels="gray", mean=(1.0,), std=(2.0,))
  list(resized_batches(data, same_pixels, batch_size=4, cache=cache))
  assert len(reads) == 22
  for side in (7, 8):
    cut = InputSpec(height=6, width=4, resize=side)
    list(resized_batches(data, cut, batch_size=4, cache=cache))
  assert len(reads) == 44


def test_cache_of_an_unfinished_pass_is_not_used():
  data, _, reads = counted_dataset()
  cache = ResizedCache()
  batches = resized_batches(data, SPEC, batch_size=4, cache=cache, threads=1)
  next(batches)
  batches.close()
  before = len(reads)
  list(resized_batches(data, SPEC, batch_size=4, cache=cache))
  assert len(reads) == before + 11


def test_some_rows_in_any_order_are_made_once():
  data, _, reads = counted_dataset()
  everything = np.concatenate(list(resized_batches(data, SPEC, batch_size=4)))
  reads.clear()
  cache, rows = ResizedCache(), np.array([7, 2, 9])
  some = list(resized_batches(data, SPEC, batch_size=2, rows=rows, cache=cache))
  np.testing.assert_array_equal(np.concatenate(some), everything[rows])
  assert sorted(reads) == [2, 7, 9]
  rest = np.concatenate(list(resized_batches(data, SPEC, batch_size=4, cache=cache)))
  np.testing.assert_array_equal(rest, everything)
  assert sorted(reads) == list(range(11))


def test_cache_drops_the_least_recently_used_and_stays_within_its_budget():
  cache = ResizedCache(max_bytes=250)
  sized = lambda size: Resized(np.zeros(size, np.uint8), np.ones(1, bool))
  keys = [("f", i, i, "bilinear", None) for i in range(3)]
  for key in keys[:2]:
    cache.put(key, sized(100))
  assert cache.get(keys[0]) is not None
  cache.put(keys[2], sized(100))
  assert cache.get(keys[1]) is None
  assert cache.get(keys[0]) is not None
  cache.put(keys[1], sized(251))
  assert cache.get(keys[1]) is None
  assert not cache.accepts(251)


def test_a_data_set_larger_than_the_cache_still_works():
  data, _, reads = counted_dataset()
  cache = ResizedCache(max_bytes=100)
  for _ in range(2):
    list(resized_batches(data, SPEC, batch_size=4, cache=cache))
  assert len(reads) == 22


def test_an_error_of_a_read_reaches_the_consumer_and_ends_the_threads():
  def read_image(index):
    if index == 5:
      raise InputError("image 5 is gone")
    return np.zeros((3, 3, 3), np.uint8)

  data = Dataset("d", "all", np.zeros(30, np.int32), ("a",), "f", read_image)
  before = threading.active_count()
  with pytest.raises(InputError, match="image 5 is gone"):
    list(resized_batches(data, SPEC, batch_size=2))
  assert threading.active_count() == before


def test_refuses_ready_features_and_silly_batches():
  data = Dataset(
    "d", "all", np.zeros(2, np.int32), ("a",), "f", features=np.zeros((2, 3))
  )
  with pytest.raises(InputError, match="'d' holds ready features and no images"):
    next(resized_batches(data, SPEC, batch_size=2))
  with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
    next(resized_batches(counted_dataset()[0], SPEC, batch_size=0))


def oracle(images, spec):
  """The same in float64 numpy, channel by channel."""
  x = images.astype(np.float64)
  red, green, blue = x[..., 0], x[..., 1], x[..., 2]
  channels = {
    "rgb": [red, green, blue],
    "bgr": [blue, green, red],
    "gray": [0.299 * red + 0.587 * green + 0.114 * blue],
  }[spec.channels]
  scaled = [(c - m) / s for c, m, s in zip(channels, spec.mean, spec.std, strict=True)]
  return np.stack(scaled, axis=1 if spec.layout == "NCHW" else -1)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["rgb", "bgr", "gray"])
def test_prepare_against_numpy(x64, channels, layout):
  count = 1 if channels == "gray" else 3
  spec = InputSpec(
    6,
    4,
    channels,
    (123.675, 116.28, 103.53)[:count],
    (58.4, 57.1, 57.4)[:count],
    layout,
  )
  images = np.random.default_rng(2).integers(0, 256, (5, 6, 4, 3), np.uint8)
  prepared = jax.jit(prepare_batch, static_argnums=1)(images, spec)
  assert prepared.dtype == np.float32
  np.testing.assert_allclose(prepared, oracle(images, spec), rtol=1e-5, atol=2e-6)


def test_bilinear_is_what_the_reference_features_were_made_with(shared):
  """Rows of the oracle are found again among features of our pixels, to 1e-5."""
  onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not here")
  zoo = shared / "realzoo"
  (model,) = (
    model
    for model in json.loads((zoo / "zoo.json").read_text())["models"]
    if model["name"] == "mcunet_5fps_in1k"
  )
  facts = model["input"]
  with np.load(shared / "oracles" / "real_flowers_mcunet.npz") as oracle_file:
    reference = oracle_file["X"].astype(np.float64)
  options = onnxruntime.SessionOptions()
  options.intra_op_num_threads = 2
  session = onnxruntime.InferenceSession(str(zoo / model["file"]), options)
  data = load_folder_dataset(zoo / "data" / "flowers5", memory_budget=0)

  def share_found(interpolation):
    spec = InputSpec(
      facts["height"],
      facts["width"],
      facts["channels"],
      tuple(facts["mean"]),
      tuple(facts["std"]),
      facts["layout"],
      interpolation,
    )
    images = np.stack([resize_image(data.read_image(i), spec) for i in range(60)])
    (features,) = session.run(
      ["features"], {"x": np.asarray(prepare_batch(images, spec))}
    )
    difference = features[:, None].astype(np.float64) - reference[None]
    distance = np.linalg.norm(difference, axis=-1).min(axis=1)
    return (distance < 1e-5 * np.linalg.norm(features, axis=1)).mean()

  # The oracle is a sample of 500 of the 1,997 images.
  assert 0.1 < share_found("bilinear") < 0.5
  assert share_found("bicubic") == 0
