"""TensorFlow Datasets, read from disk: `tfds:NAME[/config][:version]`.

Nothing is downloaded unless it is asked for. The encoded images are taken as they lie in
the records and decoded by the same code as a folder's, so that a network sees the same
pixels whichever way a data set came. Reading needs tensorflow-datasets and no TensorFlow;
preparing needs both.
"""

import contextlib
import difflib
import hashlib
import importlib.util
import logging
import os
import re
import shlex
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from lead_jax.checks import InputError, install, need, one_line, parameter, shown
from lead_jax.data._dataset import Dataset, SkippedEntry
from lead_jax.data._images import ImageError, PictureReader, decode
from lead_jax.data._papers import how_to_prepare
from lead_jax.data._parts import (
  check_classes,
  check_split,
  choose_parts,
  part_note,
)
from lead_jax.data._seen import Seen, look_at, notes_of, warnings_of
from lead_jax.data._tfds_features import Keys, find_keys
from lead_jax.data._tfrecords import read_tfrecords
from lead_jax.system import cpu_count, import_tensorflow, no_stderr

# NAME, NAME/config, either with :1.2.3. Other prefixes (huggingface:) reach the network.
_SPEC = re.compile(r"\w+(/[^:]+)?(:[\d.*]+)?")


def load_tfds_dataset(
  name: str,
  split: str = "train",
  *,
  data_dir: str | os.PathLike | None = None,
  download: bool = False,
  memory_budget: int = 1 << 30,
  threads: int | None = None,
) -> Dataset:
  """Reads a prepared data set of TensorFlow Datasets.

  Args:
    name: `NAME[/config][:version]`.
    split: `train`, `test` or `all`; see `choose_parts`. Order is that of the records.
    data_dir: Where data sets are prepared; None is the library's own choice
      (`TFDS_DATA_DIR`, or `~/tensorflow_datasets`).
    download: Whether to download and prepare it if it is not there.
    memory_budget: Bytes of encoded images to keep in memory; the others go to a
      temporary file that has no name and vanishes with the process.
    threads: How many images are decoded at a time; None is one per CPU core.

  Returns:
    Samples whose image can be decoded, the others named in `skipped`. Where an image has
    several classes (voc/2007), its label is the first in class order, and `label_sets`
    has them all; see `tfds_features`.

  Raises:
    InputError: If the library is missing, the name is unknown, the data set is not
      prepared (then with how to prepare it), has no image or no class label, its labels
      are withheld, or its files are damaged.
  """
  source = f"tfds:{name}"
  check_split(split, source)
  tfds = _import_tfds(source)
  builder = _builder(tfds, name, source, data_dir)
  with _quiet():
    is_prepared = builder.is_prepared()
  if not is_prepared:
    if not download:
      raise _unprepared(tfds, name, source, data_dir)
    _prepare(builder, name, source)
  keys = find_keys(tfds, builder.info, source)
  chosen, split = choose_parts(list(builder.info.splits), split, source)
  if not chosen:
    chosen = tuple(builder.info.splits)
    if len(chosen) != 1:
      raise InputError(
        f"{source} has no part called train or test; it has: {', '.join(chosen)}"
      )

  blobs = _Blobs(memory_budget)
  labels: list[int] = []
  sets: list[np.ndarray] = []
  skipped: list[SkippedEntry] = []
  seen: list[Seen] = []
  digest = hashlib.sha256(b"images\n")
  with ThreadPoolExecutor(threads or cpu_count()) as pool:
    for part in chosen:
      examples = _examples(tfds, builder, part, keys, source)
      for i, batch in enumerate(_chunks(examples, 256)):
        looks = pool.map(_look, batch)
        for j, (example, look) in enumerate(zip(batch, looks, strict=True)):
          if isinstance(look, str):
            skipped.append(SkippedEntry(f"{source} {part} {256 * i + j}", look))
            continue
          seen.append(look)
          digest.update(hashlib.sha256(example.image).digest())
          blobs.append(example.image)
          labels.append(example.classes[0])
          sets.append(example.set_of_classes)
  if not labels:
    reason = f" (the first: {skipped[0].reason})" if skipped else ""
    raise InputError(f"{source}: this part has no image that can be used{reason}")
  return Dataset(
    name=name,
    split=split,
    **_dense_labels(labels, sets if keys.several else None, keys.class_names, source),
    fingerprint=digest.hexdigest(),
    read_image=PictureReader(blobs.__getitem__),
    skipped=tuple(skipped),
    notes=(part_note(chosen, list(builder.info.splits)), *notes_of(seen)),
    warnings=tuple(warnings_of(seen)),
    pixels=tuple(one.pixels for one in seen),
  )


def _dense_labels(
  labels: Sequence[int],
  sets: Sequence[np.ndarray] | None,
  names: Sequence[str],
  source: str,
) -> dict[str, Any]:
  """Ids over the classes that occur, in the order of the data set's own ids."""
  if min(labels) < 0:
    raise InputError(f"{source}: the labels of this part are withheld (-1)")
  present, ids = np.unique(np.asarray(labels), return_inverse=True)
  ids = ids.astype(np.int32)
  class_names = tuple(names[i] for i in present)
  remedy = f"choose another {parameter('split')}"
  check_classes(ids, class_names, source, "samples", remedy)
  found: dict[str, Any] = {"labels": ids, "class_names": class_names}
  if sets is not None:
    members = np.zeros((len(sets), len(names)), bool)
    for row, classes in zip(members, sets, strict=True):
      row[classes] = True
    found["label_sets"] = members[:, present]
  return found


class _Blobs:
  """Byte strings by index, in memory within a budget and in a nameless file beyond."""

  def __init__(self, memory_budget: int):
    self._left = memory_budget
    self._held: list[bytes | tuple[int, int]] = []
    self._file: Any = None
    self._end = 0

  def append(self, data: bytes) -> None:
    if len(data) <= self._left:
      self._left -= len(data)
      self._held.append(data)
      return
    if self._file is None:
      # It lives as long as this object; there is no block to close it after.
      self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
      weakref.finalize(self, self._file.close)
    self._file.write(data)
    self._held.append((self._end, len(data)))
    self._end += len(data)

  def __getitem__(self, index: int) -> bytes:
    held = self._held[index]
    if isinstance(held, bytes):
      return held
    offset, size = held
    return os.pread(self._file.fileno(), size, offset)  # Safe from several threads.


def _look(example: "_Example") -> Seen | str:
  """What an example's image is like, or why it cannot be used."""
  if not example.classes:
    return "no class label"
  try:
    decoded = decode(example.image)
  except ImageError as error:
    return str(error)
  pixels = np.asarray(decoded.picture)
  return look_at(pixels, frames=decoded.frames, deep=decoded.deep)


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
  chunk = []
  for item in items:
    chunk.append(item)
    if len(chunk) == size:
      yield chunk
      chunk = []
  if chunk:
    yield chunk


class _Example(NamedTuple):
  """An encoded image, the classes it counts for (the first is its label) and its set."""

  image: bytes
  classes: tuple[int, ...]
  set_of_classes: np.ndarray


def _examples(
  tfds: ModuleType, builder: Any, part: str, keys: Keys, source: str
) -> Iterator[_Example]:
  """Yields examples in the order of the records."""
  from google.protobuf.message import DecodeError

  features = tfds.features.FeaturesDict(
    {key: builder.info.features[key] for key in (keys.image, *keys.labels)}
  )
  encoded = {keys.image: tfds.decode.SkipDecoding()}
  try:
    for record in _records(tfds, builder, part, source):
      example = features.deserialize_example_np(record, decoders=encoded)
      found = [np.unique(example[key]).astype(np.int64) for key in keys.labels]
      classes = next((each for each in found if each.size), found[0])
      yield _Example(bytes(example[keys.image]), tuple(classes.tolist()), found[0])
  except InputError:
    raise
  except (OSError, ValueError, LookupError, RuntimeError, DecodeError) as error:
    raise InputError(
      f"{source}: the files of its part {part!r} are damaged or missing "
      f"({type(error).__name__}: {shown(error)}): delete {str(builder.data_dir)!r} and "
      "prepare it again"
    ) from None


def _records(
  tfds: ModuleType, builder: Any, part: str, source: str
) -> Iterator[bytes | memoryview]:
  """Yields serialised examples, shard after shard."""
  file_format = builder.info.file_format.value
  if file_format == "tfrecord":
    crc32c = need("google_crc32c", extra="tfds", purpose=source).value
    for shard in builder.info.splits[part].file_instructions:
      path = tfds.core.Path(shard.filename)
      count = 0
      with path.open("rb") as file:
        for record in read_tfrecords(file, path.stat().length, crc32c):
          count += 1
          yield record
      if count != shard.examples_in_shard:
        raise ValueError(f"{count} records of {shard.examples_in_shard} in {path.name}")
  elif file_format in ("array_record", "parquet"):
    with _quiet():
      records = builder.as_data_source(
        part, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
      )
    yield from records
  else:
    raise InputError(
      f"{source} is prepared as {file_format} files: prepare it as tfrecord, "
      "array_record or parquet"
    )


def _builder(
  tfds: ModuleType, name: str, source: str, data_dir: str | os.PathLike | None
) -> Any:
  if not _SPEC.fullmatch(name):
    raise InputError(f"{source}: expected tfds:NAME, NAME/config or NAME:1.2.3")
  options = {} if data_dir is None else {"data_dir": os.fspath(data_dir)}
  try:
    with _quiet(), _nothing_left():
      return tfds.builder(name, **options)
  except tfds.core.DatasetNotFoundError:
    known = tfds.list_builders(with_community_datasets=False)
    near = difflib.get_close_matches(re.split("[/:]", name)[0], known)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    raise InputError(f"{source}: there is no such data set{hint}") from None
  except ImportError as error:
    # What is prepared is read without TensorFlow; the code that prepares may ask for it.
    if not _has_tensorflow():
      raise _unprepared(tfds, name, source, data_dir) from None
    said = one_line(error, most=300)
    raise InputError(f"{source}: the library cannot read it ({said})") from None
  # Unknown versions and configurations come as AssertionError and ValueError; the first
  # line says which there are.
  except (AssertionError, ValueError, OSError) as error:
    said = shown(str(error).split("\n\n")[0], most=300)
    raise InputError(f"{source}: {said}") from None


def _unprepared(
  tfds: ModuleType, name: str, source: str, data_dir: str | os.PathLike | None
) -> InputError:
  """Says where a data set is not prepared, and how to prepare it."""
  where = os.fspath(data_dir or tfds.core.constants.DATA_DIR)
  first = "" if _has_tensorflow() else f" after {install('tensorflow')}"
  return InputError(
    f"{source} is not prepared in {where!r}: run `tfds build {name} "
    f"--data_dir={shlex.quote(where)}`{first}{_in_brackets(how_to_prepare(name))}"
  )


def _prepare(builder: Any, name: str, source: str) -> None:
  import_tensorflow(f"preparing {source}")
  try:
    # tfds tells of its progress on stdout, which is for results.
    with _quiet(), contextlib.redirect_stdout(sys.stderr):
      builder.download_and_prepare()
  # Downloads, archives and parsers fail with errors of many libraries.
  except Exception as error:
    reason = one_line(error, most=300, with_type=True)
    hint = _in_brackets(how_to_prepare(name))
    raise InputError(f"{source} could not be prepared: {reason}{hint}") from error


def _has_tensorflow() -> bool:
  """Whether it is installed."""
  try:
    return importlib.util.find_spec("tensorflow") is not None
  except (ImportError, ValueError):  # hidden by an import hook, or half imported
    return False


def _in_brackets(hint: str) -> str:
  return f" ({hint})" if hint else ""


@contextlib.contextmanager
def _nothing_left() -> Iterator[None]:
  """Removes the temporary folder that tfds makes for what is not prepared, and leaves."""
  before = tempfile.tempdir
  with tempfile.TemporaryDirectory() as folder:
    tempfile.tempdir = folder
    try:
      yield
    finally:
      tempfile.tempdir = before


def _import_tfds(source: str) -> ModuleType:
  # It says on stdout, which is for results, that TensorFlow is missing.
  with _quiet(), no_stderr(), contextlib.redirect_stdout(sys.stderr):
    tfds = need("tensorflow_datasets", extra="tfds", purpose=source)
  # It logs what stops it and is imported nevertheless, with nothing in it.
  if not hasattr(tfds, "builder"):
    import_tensorflow(source)  # what it stumbles over most
    raise InputError(
      f"{source} needs tensorflow_datasets, which is installed but does not start "
      f"(`import tensorflow_datasets` says why): {install('tfds')}"
    )
  return tfds


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps remarks of TensorFlow and tfds for their developers off the terminal."""
  loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
  levels = [logger.level for logger in loggers]
  for logger in loggers:
    logger.setLevel(logging.ERROR)
  try:
    yield
  finally:
    for logger, level in zip(loggers, levels, strict=True):
      logger.setLevel(level)
