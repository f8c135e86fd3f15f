"""What a caller hands in, checked once, before any mathematics sees it."""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

import jax
import numpy as np

from lead_jax.checks._arrays import plain_array
from lead_jax.checks._errors import InputError
from lead_jax.checks._labels import encode_labels
from lead_jax.checks._texts import shown
from lead_jax.typing import ArrayLike


class Inputs(NamedTuple):
  """Checked features and labels.

  Attributes:
    features: float32 or float64 [N, D], finite.
    labels: int32[N], ids in `[0, K)`.
    class_names: K names; what the caller called each id.
  """

  features: np.ndarray
  labels: np.ndarray
  class_names: tuple[str, ...]


# Some NaN are signals, of which NumPy warns at every cast.
@np.errstate(over="ignore", invalid="ignore")
def check_features(features: ArrayLike, name: str = "features") -> np.ndarray:
  """Returns finite float32 or float64 features [N, D], or says what is wrong with them.

  Args:
    features: [N, D] of any real dtype; 16-bit floats are widened, since squared norms
      overflow them.
    name: What the message calls them.

  Raises:
    InputError: If they are not a matrix of finite numbers with at least two rows, some are
      masked, they are so large or so small that squares leave the range of the dtype, or
      so far from zero that it does not hold how they differ.
  """
  array = plain_array(features, name)
  if array.ndim != 2:
    raise InputError(f"{name} must have shape [N, D], got {list(array.shape)}")
  if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
    raise InputError(f"{name} must be numbers, got dtype {array.dtype}")
  wanted = array.dtype if array.dtype in (np.float32, np.float64) else np.float32
  # What JAX will compute in: float64 only where 64-bit types are enabled.
  given = array
  array = array.astype(jax.dtypes.canonicalize_dtype(wanted), copy=False)
  if array.shape[0] < 2:
    raise InputError(f"{name} must have at least 2 samples, got {array.shape[0]}")
  if array.shape[1] < 1:
    raise InputError(f"{name} must have at least 1 column, got 0")
  largest = float(np.max(np.abs(array)))
  if largest == 0 and np.any(given):
    least = float(np.max(np.abs(given)))
    raise InputError(
      f"{name} are at most {least:.3g}, which is zero in {array.dtype}: multiply them by a "
      "number first, or enable 64-bit types (jax.enable_x64)"
    )
  if not np.isfinite(largest) and np.isfinite(given.astype(np.float64)).all():
    raise InputError(
      f"{name} are as large as {float(np.max(np.abs(given))):.3g}, beyond float32: divide "
      "them by a number first, or enable 64-bit types (jax.enable_x64)"
    )
  if not np.isfinite(largest):
    finite = np.isfinite(array)
    row, column = np.argwhere(~finite)[0]
    raise InputError(
      f"{name} hold {int((~finite).sum())} NaN or infinite values, the first at row "
      f"{row}, column {column} ({array[row, column]}): remove those samples or fix "
      "the extraction"
    )
  limit = float(np.sqrt(np.finfo(array.dtype).max / array.size))
  if largest > limit:
    raise InputError(
      f"{name} are as large as {largest:.3g}: sums of their squares overflow "
      f"{array.dtype}; divide them by a number first"
    )
  check_digits(given, array, name)
  # So that the square of the last digit of the largest still is a number.
  info = np.finfo(array.dtype)
  if 0 < largest < np.sqrt(info.tiny) / info.eps:
    raise InputError(
      f"{name} are at most {largest:.3g}: their squares underflow {array.dtype}; multiply "
      "them by a number first"
    )
  return array


# Rows that say how far features spread; the share of it that may be rounded away; and the
# share of the features below which it is itself a rounding.
_SOME_ROWS, _LOST, _CONSTANT = 2048, 1e-2, 1e-14


def check_digits(given: np.ndarray, kept: np.ndarray, name: str) -> None:
  """Refuses features of which a narrower dtype rounds away how they differ.

  Args:
    given: [N, D], finite, as a caller has them.
    kept: The same in the dtype that mathematics computes in.
    name: What the message calls them.

  Raises:
    InputError: If the rounding is over a hundredth of their spread.
  """
  if given.dtype == kept.dtype or given.dtype.itemsize < 4:
    return
  step = -(-len(given) // _SOME_ROWS)
  some = given[::step].astype(np.float64)
  spread = float(np.sqrt(some.var(axis=0).sum()))
  largest = float(np.max(np.abs(kept)))
  length = largest * np.sqrt(kept.shape[1])
  if np.finfo(kept.dtype).eps * length <= _LOST * spread or spread < _CONSTANT * length:
    return
  lost = float(np.sqrt(((some - kept[::step]) ** 2).sum(axis=1).mean()))
  if lost > _LOST * spread:
    raise InputError(
      f"{name} are as large as {largest:.3g} and differ by {spread:.3g}: {kept.dtype} "
      "rounds away how they differ; subtract their mean first, or enable 64-bit types "
      "(jax.enable_x64)"
    )


def check_distributions(probs: ArrayLike, name: str) -> np.ndarray:
  """Returns rows that are probability distributions, to the last digit.

  Args:
    probs: [N, Z], at least 0; each row sums to 1 within 1 %, as softmax in 16 bits does.
    name: What the message calls them.

  Raises:
    InputError: If a row is no distribution: the first is named.
  """
  array = check_features(probs, name)
  total = array.sum(axis=1, keepdims=True)
  wrong = (array.min(axis=1) < 0) | (np.abs(total[:, 0] - 1) > 0.01)
  if wrong.any():
    row = int(np.argmax(wrong))
    raise InputError(
      f"row {row} of {name} is no distribution (least {array[row].min():.3g}, sum "
      f"{float(total[row, 0]):.3g}): give probabilities, not logits"
    )
  return array / total


def check_inputs(features: ArrayLike, labels: ArrayLike) -> Inputs:
  """Checks features against labels and maps the labels to ids.

  Raises:
    InputError: (a ValueError) If features are not finite [N, D], lengths differ, or there
      is only one class.
  """
  checked = check_features(features)
  ordered = isinstance(labels, Iterable) and not isinstance(labels, Mapping | Set | str)
  if not hasattr(labels, "dtype") and not ordered:
    raise InputError(
      f"labels must be a list or an array, one per sample, got {shown(labels, most=40)}"
    )
  if not isinstance(labels, np.ndarray):
    # As a list, in which mixed types are seen; NumPy would make them all strings.
    array = hasattr(labels, "dtype")
    labels = plain_array(labels, "labels").tolist() if array else list(labels)
  ids, class_names = encode_labels(labels)
  if len(ids) != len(checked):
    raise InputError(
      f"features have {len(checked)} samples but labels have {len(ids)}: "
      "one label per sample is needed"
    )
  if len(class_names) < 2:
    raise InputError(
      f"labels hold the single class {class_names[0]!r}: at least 2 are needed to "
      "rank models"
    )
  return Inputs(checked, ids, class_names)
