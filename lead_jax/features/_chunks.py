"""One extraction: which chunks of images are there, the others made, all joined."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from lead_jax.backbones import Backbone
from lead_jax.checks import InputError
from lead_jax.data import Dataset, ResizedCache, order_digest, resized_batches
from lead_jax.features._compiled_network import OUTPUTS, Forward
from lead_jax.features._pieces import CHUNK, Pieces, Rows
from lead_jax.features._store import FeatureStore
from lead_jax.system import content_key

# To be raised whenever preparation or extraction gives other numbers for the same input.
EXTRACTION_VERSION = 1


def extraction_key(backbone: Backbone, dataset: Dataset) -> str:
  """The content key of a network's outputs on a data set."""
  return content_key(
    extraction=EXTRACTION_VERSION,
    weights=backbone.weights_hash,
    architecture=backbone.architecture,
    dataset=dataset.fingerprint,
    input=backbone.input.canonical(),
    feature_point=backbone.feature_point,
    outputs=OUTPUTS,
    dtype=backbone.precision,
  )


class _GoneError(Exception):
  """A piece that was there is not: another process has joined them."""


class Work:
  """What one extraction does.

  Attributes:
    key: Of the outputs on the data set.
    seconds: As `Extracted` has them.
    computed: Images that went through the network.
  """

  def __init__(
    self,
    backbone: Backbone,
    dataset: Dataset,
    store: FeatureStore | None,
    resized: ResizedCache | None,
    progress: Callable[[int, int], object] | None,
  ):
    """Looks at nothing yet; the arguments are those of `extract`."""
    self.key = extraction_key(backbone, dataset)
    self.seconds = {"read": 0.0, "compute": 0.0}
    self.computed = 0
    self._backbone, self._dataset, self._store = backbone, dataset, store
    self._resized, self._progress = resized, progress
    self._whole = dataset.part_of or dataset
    self._is_whole = dataset.part_of is None
    self._whole_key = extraction_key(backbone, self._whole)
    self._held: dict[int, Rows] = {}

  @functools.cached_property
  def _pieces(self) -> Pieces | None:
    """Where chunks are kept; None of a single one, which is kept as its entry."""
    if self._store is None or (self._is_whole and len(self._dataset) <= CHUNK):
      return None
    order = order_digest(self._whole.order)
    return self._store.pieces(
      content_key(extraction=self._whole_key, order=order, chunk=CHUNK)
    )

  def stored(self) -> Rows | None:
    """Returns the outputs where the store has those of the whole data set."""
    arrays = None if self._store is None else self._store.get(self._whole_key)
    if arrays is None or self._is_whole:
      return arrays
    rows = self._whole.order[: len(self._dataset)]
    return {name: array[rows] for name, array in arrays.items()}

  def compute(self, batch_size: int, devices: Sequence[jax.Device]) -> None:
    """Makes the rows that are not there, chunk by chunk, and keeps each chunk.

    Args:
      batch_size: As for `extract`.
      devices: What to compute on.

    Raises:
      InputError: As `extract` does.
    """
    missing = [range(s.start + self._there(c), s.stop) for c, s in self._chunks()]
    places = np.concatenate([np.asarray(span, np.int64) for span in missing])
    if not places.size:
      return
    # No more padding than the devices ask for.
    size = min(batch_size, len(self._whole))
    forward = Forward(self._backbone, size, devices)
    batches = resized_batches(
      self._dataset,
      self._backbone.input,
      batch_size=forward.batch_size,
      rows=self._whole.order[places] if self._is_whole else places,
      cache=self._resized,
    )
    try:
      self._keep(forward.over(self._timed(batches)), places)
    finally:
      self.seconds["compute"] += forward.seconds

  def joined(self) -> Rows | None:
    """Returns the outputs, made of the chunks; None if one is missing.

    Those of a whole data set become an entry of the store.
    """
    try:
      if self._is_whole and (arrays := self._entry()) is not None:
        return arrays
      arrays = {
        name: np.empty((len(self._dataset), width), np.float32)
        for name, width in self._widths().items()
      }
      for numbers, rows in self._blocks():
        for name, array in arrays.items():
          array[numbers] = rows[name]
    except _GoneError:
      return self.stored()
    return arrays

  def _entry(self) -> Rows | None:
    """Puts the entry of a whole data set together; None where it cannot be kept."""
    if self._store is None:
      return None
    shapes = {n: (len(self._dataset), width) for n, width in self._widths().items()}
    try:
      self._store.put_rows(self._whole_key, shapes, self._blocks())
    except InputError as error:
      self._store.warn(str(error))
      return None
    if (arrays := self._store.get(self._whole_key)) is not None and self._pieces:
      self._pieces.remove()
    return arrays

  def _chunks(self) -> Iterator[tuple[int, range]]:
    """Yields chunks with the places that they have in the order."""
    count = len(self._dataset)
    for chunk, start in enumerate(range(0, count, CHUNK)):
      yield chunk, range(start, min(start + CHUNK, count))

  def _blocks(self) -> Iterator[tuple[np.ndarray, Rows]]:
    """Yields row numbers in the data set, and these rows; all chunk by chunk."""
    for chunk, span in self._chunks():
      rows = self._rows(chunk)
      if rows is None or len(rows["features"]) < len(span):
        raise _GoneError
      places = np.asarray(span)
      numbers = self._whole.order[places] if self._is_whole else places
      yield numbers, {name: array[: len(span)] for name, array in rows.items()}

  def _widths(self) -> dict[str, int]:
    rows = self._rows(0)
    if rows is None:
      raise _GoneError
    return {name: array.shape[1] for name, array in rows.items()}

  def _rows(self, chunk: int) -> Rows | None:
    """Returns the rows of a chunk that are there."""
    if chunk in self._held:
      return self._held[chunk]
    return None if self._pieces is None else self._pieces.read(chunk)

  def _there(self, chunk: int) -> int:
    rows = self._rows(chunk)
    return 0 if rows is None else len(rows["features"])

  def _timed(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Counts the time for which batches are waited for."""
    while True:
      began = time.perf_counter()
      batch = next(batches, None)
      self.seconds["read"] += time.perf_counter() - began
      if batch is None:
        return
      yield batch

  def _keep(self, outputs: Iterator[Rows], places: np.ndarray) -> None:
    """Puts outputs of images at these places of the order into their chunks."""
    ends = {chunk: span.stop for chunk, span in self._chunks()}
    count, start, parts = len(self._dataset), 0, list[Rows]()
    for rows in outputs:
      here = places[start : start + len(rows["features"])]
      start += len(here)
      for chunk in np.unique(here // CHUNK).tolist():
        mine = here // CHUNK == chunk
        parts.append({name: array[mine] for name, array in rows.items()})
        if here[mine][-1] + 1 == ends[chunk]:
          self._put(chunk, parts, ends[chunk])
          parts = []
      self.computed += len(here)
      if self._progress is not None:
        self._progress(count - len(places) + start, count)

  def _put(self, chunk: int, parts: list[Rows], seen: int) -> None:
    """Checks and keeps a chunk: what was there of it, and these rows."""
    if (begun := self._rows(chunk)) is not None:
      parts = [begun, *parts]
    rows = {n: np.concatenate([part[n] for part in parts]) for n in parts[-1]}
    for name, array in rows.items():
      if bad := int((~np.isfinite(array)).any(axis=1).sum()):
        raise InputError(
          f"model {self._backbone.name!r} gives {name} that are not finite (NaN or "
          f"infinity) for {bad} of the {seen} images of {self._dataset.name!r} that were "
          "looked at: its weights or its input specification are not right"
        )
    if self._store is not None and self._pieces is not None:
      try:
        with self._store.reported("written"):
          self._pieces.write(chunk, rows)
        return
      except InputError as error:
        self._store.warn(str(error))
    self._held[chunk] = rows
