"""TensorFlow checkpoints: an index and shards, read by TensorFlow's own reader.

The reader parses tables; no graph is built or run. TensorFlow is imported on use, and its
GPUs are hidden before its first operation: it would otherwise take the memory that JAX
needs.
"""

import glob
import math
import pathlib
import re
import shutil
import tempfile
import zipfile

import numpy as np

from lead_jax.backbones._weights._budget import Budget
from lead_jax.checks import InputError, shown
from lead_jax.system import import_tensorflow

_OBJECT_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_PART = re.compile(r".*\.(index|data-\d{5}-of-\d{5})")


def checkpoint_prefix(path: pathlib.Path) -> pathlib.Path | None:
  """Which checkpoint is meant by a prefix, an index, a shard, a folder or a SavedModel.

  Args:
    path: As the user gave it.

  Returns:
    The prefix: there is a file of that name and `.index`. None if there is none.

  Raises:
    InputError: If a folder holds several.
  """
  if path.is_dir():
    found = sorted(path.glob("*.index")) or sorted(path.glob("variables/*.index"))
    if len(found) > 1:
      names = ", ".join(file.name for file in found[:4])
      raise InputError(f"{path} holds {len(found)} checkpoints: name one of {names}")
    return found[0].with_suffix("") if found else None
  if _PART.fullmatch(path.name):
    path = path.with_suffix("")
  elif path.is_file():
    return None
  return path if path.with_name(f"{path.name}.index").is_file() else None


def checkpoint_files(path: pathlib.Path) -> list[pathlib.Path]:
  """Which files weights are read from: a checkpoint's index and shards, else the path."""
  prefix = checkpoint_prefix(path)
  if prefix is None:
    return [path]
  beside = prefix.parent.glob(f"{glob.escape(prefix.name)}.*")
  return sorted(file for file in beside if _PART.fullmatch(file.name))


def read_tensorflow(prefix: pathlib.Path, source: str) -> dict[str, np.ndarray]:
  """Reads every numeric variable of a checkpoint.

  Args:
    prefix: As `checkpoint_prefix` returns it.
    source: How error messages name the checkpoint.

  Returns:
    Arrays under the variables' names; of object-based names (TensorFlow 2) the path.

  Raises:
    InputError: If TensorFlow is missing, or the checkpoint is damaged or holds far more
      than its files.
  """
  tf = import_tensorflow(f"{source}, a TensorFlow checkpoint,")
  try:
    reader = tf.train.load_checkpoint(str(prefix))
    types = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    names = [name for name in sorted(types) if types[name] != tf.string]
    # An index may have many variables at one place of a shard.
    size = sum(file.stat().st_size for file in checkpoint_files(prefix))
    budget = Budget(size, source)
    for name in names:
      budget.spend(math.prod(shapes[name]) * types[name].size)
    return {
      name.removesuffix(_OBJECT_SUFFIX): np.asarray(reader.get_tensor(name))
      for name in names
    }
  except InputError:
    raise
  # Some of the reader's errors are translated to Python's own.
  except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
    raise InputError(
      f"{source} is no sound TensorFlow checkpoint ({shown(error)}): fetch it again"
    ) from None


def read_tensorflow_zip(archive: zipfile.ZipFile, source: str) -> dict[str, np.ndarray]:
  """Reads the checkpoint inside a zip file, as SimCLR's authors publish theirs.

  Only the index and the shards are taken out, under their bare names.

  Args:
    archive: The zip file, which passed `check_sizes`.
    source: How error messages name it.

  Returns:
    As `read_tensorflow`.

  Raises:
    InputError: If it holds no checkpoint or several.
    ValueError, zipfile.BadZipFile: If it is damaged.
  """
  # A SavedModel or Hub module beside it (variables/variables.index) holds the same.
  members = [m for m in archive.infolist() if _PART.fullmatch(m.filename)]
  folders: dict[str, list[zipfile.ZipInfo]] = {}
  for member in members:
    stem = member.filename.rsplit(".", 1)[0]
    folders.setdefault(stem, []).append(member)
  stems = [s for s in folders if not s.endswith("variables/variables")] or [*folders]
  if len(stems) != 1:
    raise InputError(
      f"{source} is a zip file with {len(stems)} TensorFlow checkpoints and no weights of "
      "torch: it should have one"
    )
  with tempfile.TemporaryDirectory() as folder:
    for member in folders[stems[0]]:
      target = pathlib.Path(folder) / pathlib.PurePosixPath(member.filename).name
      with archive.open(member) as packed, open(target, "wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    name = pathlib.PurePosixPath(stems[0]).name
    return read_tensorflow(pathlib.Path(folder) / name, source)
