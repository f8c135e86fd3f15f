"""What can be known to be wrong before any work is done, said before any work is done."""

import hashlib
import importlib.resources
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lead_jax import evaluation, metrics
from lead_jax.checks import InputError
from lead_jax.results import json_values
from lead_jax.system import write_text

# Fewer parts of the images than these do not say how scores vary.
_RESAMPLES = 10


def metrics_or_default(
  names: Sequence[str] | None, *, reference: object = None
) -> list[str]:
  """Checks the names of metrics; the default ones where None, each once.

  Args:
    names: `all` stands for all that are not named, the recommended one first.
    reference: The model to compare with, where there is one. A metric that needs it is
      refused without; among `all` it is left to say so in its rows.
  """
  if names is None:
    return list(metrics.DEFAULT_METRICS)
  if isinstance(names, str):
    names = [names]
  if not names:
    raise InputError(
      f"no metrics were given: known are all, {', '.join(metrics.METRICS)}"
    )
  found: list[str] = []
  for name in names:
    if name == "all":
      found += [metrics.RECOMMENDED, *metrics.METRICS]
      continue
    if "reference_features" in metrics.find_metric(name).needs and reference is None:
      raise InputError(
        f"metric {name!r} compares with another network's features: name it by --reference"
      )
    found.append(name)
  return list(dict.fromkeys(found))


def check_options(
  names: Sequence[str], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
  """Checks all options, and returns them as JSON values.

  Raises:
    InputError: If one is for a metric that is not asked for, unknown or out of bounds.
  """
  plain: dict[str, dict[str, Any]] = {}
  for name, values in options.items():
    if name not in names:
      raise InputError(
        f"options are given for metric {name!r}, which is not asked for: add it to the "
        "metrics or drop them"
      )
    plain[name] = {key: _plain(name, key, value) for key, value in values.items()}
    metrics.check_options(name, plain[name])
  return plain


def _plain(metric: str, option: str, value: Any) -> Any:
  """NumPy's scalars as Python's; what no file could hold is refused."""
  value = value.item() if isinstance(value, np.generic) else value
  if isinstance(value, list | tuple):
    return tuple(_plain(metric, option, item) for item in value)
  if value is None or isinstance(value, bool | int | float | str):
    return value
  raise InputError(
    f"option {option!r} of metric {metric!r} is a {type(value).__name__}: give a number, "
    "a text or a tuple of them"
  )


def check_numbers(seed: int, batch_size: int) -> None:
  """Raises `InputError` for a seed or batch size out of range."""
  if not isinstance(seed, int) or not 0 <= seed < 2**63:
    raise InputError(f"seed must be a whole number in [0, 2^63), got {seed!r}")
  if not isinstance(batch_size, int) or batch_size < 1:
    raise InputError(f"batch_size must be a whole number above 0, got {batch_size!r}")


def resamples_or_default(resamples: int | None, metric: str) -> int:
  """Checks how many parts of the images are scored.

  Args:
    resamples: As the user asked; None for what suits the metric.
    metric: That ranks the table.

  Raises:
    InputError: If it is no such number, or too few to say how scores vary.
  """
  if resamples is None:
    return metrics.find_metric(metric).resamples
  if not isinstance(resamples, int) or not (resamples == 0 or resamples >= _RESAMPLES):
    raise InputError(
      f"resamples must be 0 (none) or at least {_RESAMPLES}, got {resamples!r}"
    )
  return resamples


def file_hash(path: str | os.PathLike | None) -> str | None:
  """Returns the SHA-256 of a file that a run depends on; None where there is none."""
  if path is None:
    return None
  try:
    return hashlib.sha256(pathlib.Path(path).expanduser().read_bytes()).hexdigest()
  except OSError:
    return None  # whoever reads it will say why it cannot be read


def read_truth(
  path: str | os.PathLike | None, dataset: str, *, bundled: bool
) -> dict[str, dict[str, float]]:
  """True accuracies by data set and model; empty where there are none for this one."""
  if path is None:
    if not bundled:
      return {}
    table = importlib.resources.files("lead_jax.zoo") / "digits_ground_truth.csv"
    text, source = table.read_text(encoding="utf-8"), "the bundled ground truth"
  else:
    source = str(path)
    try:
      text = pathlib.Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
      raise InputError(f"cannot read the ground truth {source!r} ({error})") from error
  try:
    found = evaluation.ground_truth_table(text)
  except ValueError as error:
    raise InputError(f"{source}: {error}") from error
  if dataset not in found:
    there = ", ".join(sorted(found)) or "none"
    raise InputError(f"{source} has no row for data set {dataset!r}; it has: {there}")
  return found


def make_writable(out: pathlib.Path) -> None:
  """Makes the folder of results, and finds out whether it can be written."""
  if out.exists() and not out.is_dir():
    raise InputError(f"--out {str(out)!r} is a file: give a folder")
  try:
    out.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(
      f"cannot make the folder {str(out)!r} ({error.strerror}): give another --out"
    ) from error
  probe = out / ".writable"
  write_text(probe, "")
  probe.unlink(missing_ok=True)  # another run may have made the same


def keep_other_results(
  out: pathlib.Path, config: Mapping[str, Any], overwrite: bool
) -> None:
  """Refuses to write over the results of another run."""
  there = out / "report.json"
  if overwrite or not there.exists():
    return
  try:
    theirs = json.loads(there.read_text(encoding="utf-8"))["config"]
  except (OSError, ValueError, KeyError, TypeError):
    theirs = None
  if theirs != json_values(config):
    raise InputError(
      f"{str(out)!r} holds the results of another run: give another --out, or "
      "--overwrite to replace them"
    )
