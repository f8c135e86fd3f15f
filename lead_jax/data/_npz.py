"""One `.npz` file: `images` or ready `features`, `labels`, and perhaps `split`.

The way in for pixels or features that were made elsewhere. The file is untrusted: it is
read by `lead_jax.readers`, and everything that could go wrong later as a NaN score or a
shape error inside a compiled function is said here, in terms of the file.
"""

import hashlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from lead_jax.checks import InputError, encode_labels, shown
from lead_jax.data._dataset import Dataset
from lead_jax.data._parts import check_classes, choose_parts, likely_kind, part_note
from lead_jax.data._seen import look_at, warnings_of
from lead_jax.readers import read_npz


def load_npz_dataset(path: str | os.PathLike, split: str = "train") -> Dataset:
  """Reads a data set from an npz file.

  Args:
    path: The file. It holds `images` (uint8[N, H, W], [N, H, W, 1] or [N, H, W, 3]) or
      `features` (float[N, D]), `labels` (integers or strings [N]), and optionally `split`
      (strings [N]: train, test, val ...).
    split: `train`, `test` or `all`; see `choose_parts`. Samples stay in file order.

  Returns:
    A data set of those samples; `class_names` are the labels as strings, of the classes
    that the chosen part has.

  Raises:
    InputError: In one line, for a file that cannot be read, a missing array, lengths that
      differ, values that are not finite, or too few samples or classes.
  """
  path = pathlib.Path(path)
  source = f"npz:{path}"
  arrays = _read_arrays(path, source)
  kind = _kind(arrays, source)
  values = arrays[kind]
  (_check_images if kind == "images" else _check_features)(values, source)
  for key in ("labels", "split"):
    if key in arrays and arrays[key].shape != (len(values),):
      raise InputError(
        f"{source}: {key!r} has shape {arrays[key].shape}, but {kind!r} has "
        f"{len(values)} rows: one value per row is needed"
      )
  rows, split, note = _choose_rows(arrays.get("split"), len(values), split, source)
  if len(rows) < 2:
    raise InputError(f"{source}: {len(rows)} samples, at least two are needed")
  try:
    labels, names = encode_labels(arrays["labels"][rows])
  except InputError as error:
    raise InputError(f"{source}: {error}") from None
  remedy = "add samples of it or remove it"
  check_classes(labels, names, source, "samples", remedy)

  values = np.ascontiguousarray(values[rows])
  if kind == "features":  # Half precision, other byte orders: what JAX does not take.
    wide = values.dtype.itemsize >= 8
    values = values.astype(np.float64 if wide else np.float32)
  values.setflags(write=False)
  digest = hashlib.sha256(f"{kind} {values.dtype} {values.shape}\n".encode())
  digest.update(values.data)
  seen = [look_at(np.asarray(row)) for row in values] if kind == "images" else []
  return Dataset(
    name=path.stem,
    split=split,
    labels=labels,
    class_names=names,
    fingerprint=digest.hexdigest(),
    features=values if kind == "features" else None,
    read_image=_Rows(values) if kind == "images" else None,
    notes=(note,) if note else (),
    warnings=tuple(warnings_of(seen)),
    pixels=tuple(one.pixels for one in seen) if kind == "images" else None,
  )


class _Rows:
  """Image i of an array, gray ones as three equal channels."""

  def __init__(self, images: np.ndarray):
    self._images = images

  def __call__(self, index: int) -> np.ndarray:
    image = self._images[index]
    if image.ndim == 2:
      image = image[..., None]
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _read_arrays(path: pathlib.Path, source: str) -> Mapping[str, np.ndarray]:
  wanted = ("images", "features", "labels", "split")
  read = read_npz(path, source, wanted=wanted)
  found, keys = read.arrays, shown(", ".join(sorted(read.names)) or "nothing")
  if "labels" not in found:
    raise InputError(f"{source} has no array 'labels'; it holds: {keys}")
  if "images" not in found and "features" not in found:
    raise InputError(f"{source} has no array 'images' or 'features'; it holds: {keys}")
  return found


def _kind(arrays: Mapping[str, np.ndarray], source: str) -> str:
  if "images" in arrays and "features" in arrays:
    raise InputError(
      f"{source} holds both 'images' and 'features': keep the one to be ranked on"
    )
  return "images" if "images" in arrays else "features"


def _check_images(images: np.ndarray, source: str) -> None:
  is_shape = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3))
  if not is_shape or 0 in images.shape[1:]:
    raise InputError(
      f"{source}: 'images' has shape {images.shape}, expected [N, H, W], [N, H, W, 1] "
      "or [N, H, W, 3]"
    )
  if images.dtype != np.uint8:
    raise InputError(
      f"{source}: 'images' is {images.dtype}{_range(images)}, expected uint8 (0..255): "
      "scale the pixels to 0..255, round them, and save them with astype('uint8')"
    )


def _range(images: np.ndarray) -> str:
  """What the pixels span, where they are numbers."""
  if images.dtype.kind not in "fiu" or not images.size:
    return ""
  return f" with values from {images.min():.6g} to {images.max():.6g}"


def _check_features(features: np.ndarray, source: str) -> None:
  if features.ndim != 2 or not features.shape[1]:
    raise InputError(
      f"{source}: 'features' has shape {features.shape}, expected [N, D]"
    )
  if features.dtype.kind != "f" or features.dtype.itemsize > 8:
    raise InputError(
      f"{source}: 'features' is {features.dtype}, expected float16, float32 or float64"
    )
  bad = ~np.isfinite(features)
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise InputError(
      f"{source}: 'features' has {bad.sum()} values that are not finite, the first "
      f"({features[row, column]}) at row {row}, column {column}: remove those rows"
    )


def _choose_rows(
  parts: np.ndarray | None, count: int, split: str, source: str
) -> tuple[np.ndarray, str, str]:
  """Row numbers of the chosen split, ascending, the split to record, what was decided."""
  everything = np.arange(count)
  if parts is None:
    return everything, choose_parts((), split, source)[1], ""
  if parts.dtype.kind == "S":
    parts = np.char.decode(parts, "utf-8", "backslashreplace")
  if parts.dtype.kind != "U":
    raise InputError(f"{source}: 'split' is {parts.dtype}, expected strings")
  names = sorted(set(parts.tolist()))
  chosen, split = choose_parts(names, split, source, likely_kind)
  if not chosen:
    listed = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
    return everything, split, f"'split' names no part ({listed}): all samples are read"
  rows = np.flatnonzero(np.isin(parts, chosen))
  return rows, split, part_note(chosen, names)
