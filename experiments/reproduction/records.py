"""Small prepared data sets by the real builders of tfds: their names and features."""

import contextlib
import io
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from lead_jax.system import import_tensorflow


def prepare(
  name: str,
  data_dir: str | os.PathLike,
  counts: dict[str, int],
  *,
  classes: int = 3,
  side: int = 6,
  lists: dict[str, list[list[int]]] | None = None,
) -> None:
  """Writes what `tfds build NAME` would, with made-up images.

  Args:
    name: `NAME[/config]` of a builder that tfds has.
    data_dir: Where to.
    counts: Images by part.
    classes: The i-th image of a part is of class `i % classes`, its other class labels
      (species, coarse labels) of class 0.
    side: Rows and columns of the images, where the builder leaves them open, at least;
      they differ by a few.
    lists: For features that are lists of classes, those of the i-th image of every part;
      where they are not given, its one class.
  """
  import_tensorflow("preparing a data set")
  import tensorflow_datasets as tfds

  builder = tfds.builder(name, data_dir=os.fspath(data_dir))
  features = builder.info.features

  def example(part: str, i: int) -> dict[str, Any]:
    seed = zlib.crc32(f"{name} {part} {i}".encode())
    rng = np.random.default_rng(seed)
    return {
      key: (lists or {})[key][i]
      if key in (lists or {})
      else _made_up(tfds, key, feature, i, i % classes, side, rng)
      for key, feature in features.items()
    }

  def examples(part: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for i in range(counts[part]):
      yield i, example(part, i)

  builder._split_generators = lambda manager: {part: examples(part) for part in counts}
  config = tfds.download.DownloadConfig(
    try_download_gcs=False, compute_stats=tfds.download.ComputeStatsMode.SKIP
  )
  # Its progress is not worth a word.
  tfds.disable_progress_bar()
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      builder.download_and_prepare(download_config=config)
  finally:
    tfds.enable_progress_bar()


def _made_up(
  tfds: Any,
  key: str,
  feature: Any,
  i: int,
  label: int,
  side: int,
  rng: np.random.Generator,
) -> Any:
  if isinstance(feature, tfds.features.Image):
    shape = [size or side + i % 4 for size in feature.shape]
    return rng.integers(0, 256, shape, np.uint8)
  if isinstance(feature, tfds.features.ClassLabel):
    return label if key == "label" else 0
  if isinstance(feature, tfds.features.BBoxFeature):
    return tfds.features.BBox(0.0, 0.0, 1.0, 1.0)
  if isinstance(feature, tfds.features.Sequence):
    one = isinstance(feature.feature, tfds.features.ClassLabel)
    return [label] if one else []
  return f"{i}.jpg"  # Text.
