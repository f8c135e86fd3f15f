"""Feature extraction: images a second of published networks, ours against torch's.

The peer is torchvision's network of the same weights in torch, eager on a CPU and compiled
on a GPU, channels-last, in batches of 32: float32 on a CPU, bfloat16 on a GPU. Both start
from images in memory, ours from uint8 (preparation included), torch from what is prepared.
They take turns, so that what else the machine does hits both. On a CPU torch is also given
the few images at a time that ours takes there by itself.
"""

import contextlib
import functools
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from experiments.benchmark.timing import Row
from experiments.reproduction.rehearsal import random_variables
from lead_jax.backbones import Backbone, ModelSpec, networks, with_precision
from lead_jax.backbones.catalogue import CATALOGUE
from lead_jax.data import Dataset, decode_image
from lead_jax.features import extract

NETWORKS = ("resnet50", "densenet121", "mobilenet_v2")
BATCH = 32
_FEW = 8
_IMAGES = 128
_TURNS = 3
_LOGITS = 1000


def run() -> Iterator[Row]:
  """Yields the rows of all networks."""
  on_gpu = jax.default_backend() == "gpu"
  precision = "bfloat16" if on_gpu else "float32"
  images = _IMAGES * (20 if on_gpu else 1)
  for name in NETWORKS:
    backbone = random_backbone(name, precision)
    ours = functools.partial(images_per_second, backbone, images)
    what = f"224 px, batch {BATCH}, {precision}, with its 1,000 logits"
    try:
      theirs = _torch(name, images, on_gpu)
    except ImportError as error:
      yield Row(f"extract.{name}.ours", what, ours(), "/s")
      yield Row(f"extract.{name}.torch", f"not installed ({error.name})", np.nan, "/s")
      continue
    few = BATCH if on_gpu else _FEW
    turns = [(ours(), theirs(BATCH), theirs(few)) for _ in range(_TURNS)]
    ours_best, theirs_best, few_best = (
      max(found) for found in zip(*turns, strict=True)
    )
    how = "compiled" if on_gpu else "eager"
    yield Row(f"extract.{name}.ours", what, ours_best, "/s")
    yield Row(f"extract.{name}.torch", f"channels-last, {how}", theirs_best, "/s")
    yield Row(f"extract.{name}.ratio", "ours / torch", ours_best / theirs_best, "x")
    if few != BATCH:
      yield Row(f"extract.{name}.torch.{few}", f"in batches of {few}", few_best, "/s")
  yield from _pipeline(precision, images)


def random_backbone(name: str, precision: str) -> Backbone:
  """A network of the catalogue with random weights."""
  variables = random_variables(CATALOGUE[name].network, _LOGITS, 0)
  stats = variables["batch_stats"]
  make = functools.partial(networks.make_apply, name, stats, _LOGITS)
  backbone = Backbone(
    name=name,
    apply=make(),
    low_precision=make(jax.numpy.bfloat16),
    params=variables["params"],
    input=CATALOGUE[name].input,
    weights_hash="",
  )
  loaded = with_precision(ModelSpec(name, lambda: backbone), precision).load()
  assert isinstance(loaded, Backbone)
  return loaded


def in_memory(count: int) -> Dataset:
  """Images that cost nothing to read: all are one, of 224 x 224."""
  image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
  return _dataset(count, lambda index: image)


def _dataset(count: int, read_image: Callable[[int], np.ndarray]) -> Dataset:
  return Dataset(
    name="measured",
    split="all",
    labels=np.arange(count, dtype=np.int32) % 2,
    class_names=("a", "b"),
    fingerprint="",
    read_image=read_image,
  )


def images_per_second(backbone: Backbone, images: int) -> float:
  """Extracts images from memory; the rate of a whole call, compiled programs at hand."""
  with tempfile.TemporaryDirectory() as folder, _programs_kept_in(folder):
    extract(backbone, in_memory(BATCH), batch_size=BATCH)
    started = time.perf_counter()
    extract(backbone, in_memory(images), batch_size=BATCH)
    return images / (time.perf_counter() - started)


@contextlib.contextmanager
def _programs_kept_in(folder: str) -> Iterator[None]:
  """A compilation cache for a while; what was set before is set again."""
  wanted = {
    "jax_compilation_cache_dir": folder,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
  }
  before = {name: getattr(jax.config, name) for name in wanted}
  for name, value in wanted.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()
  try:
    yield
  finally:
    for name, value in before.items():
      jax.config.update(name, value)
    compilation_cache.reset_cache()


def _torch(name: str, images: int, on_gpu: bool) -> Callable[[int], float]:
  """torchvision's network; its images a second as a function of the batch."""
  import torch

  _declare_operators(torch)
  import torchvision

  network: Any = getattr(torchvision.models, name)(weights=None).eval()
  device = torch.device("cuda" if on_gpu else "cpu")
  dtype = torch.bfloat16 if on_gpu else torch.float32
  network = network.to(device, dtype, memory_format=torch.channels_last)
  if on_gpu:
    network = torch.compile(network)

  def measure(size: int) -> float:
    batch = torch.randn(size, 3, 224, 224, device=device, dtype=dtype)
    batch = batch.to(memory_format=torch.channels_last)
    with torch.inference_mode():
      network(batch)
      started = time.perf_counter()
      for _ in range(images // size):
        network(batch)
      if on_gpu:
        torch.cuda.synchronize()
      return images / (time.perf_counter() - started)

  return measure


def _declare_operators(torch: Any) -> None:
  """Without its compiled part torchvision imports once two operators have a name."""
  global _LIBRARY
  _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
  for name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, name):
      _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")


_LIBRARY: Any = None  # Its operators are gone when it is.


def _pipeline(precision: str, images: int) -> Iterator[Row]:
  """What reading, decoding and resizing photographs cost beside the network."""
  from PIL import Image

  rng = np.random.default_rng(0)
  coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
  file = io.BytesIO()
  coarse.resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
  data = file.getvalue()
  for name in NETWORKS:
    found = extract(
      random_backbone(name, precision),
      _dataset(images, lambda index: decode_image(data)),
      batch_size=BATCH,
    )
    waited, whole = found.seconds["read"], sum(found.seconds.values())
    what = "of the time, compilation included, is waiting for JPEGs of 500 x 375"
    yield Row(f"extract.{name}.pipeline", what, 100 * waited / whole, "%")
