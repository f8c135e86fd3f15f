"""What can be known to be wrong before any work is done, said before any work is done."""

import importlib.resources
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax import evaluation, metrics
from lead_jax.errors import InputError
from lead_jax.results import write_text


def metrics_or_default(names: Sequence[str] | None) -> Sequence[str]:
  """Checks the names of metrics; the default ones where None."""
  if names is None:
    return metrics.DEFAULT_METRICS
  if isinstance(names, str):
    names = [names]
  if not names:
    raise InputError(f"no metrics were given: known are {', '.join(metrics.METRICS)}")
  for name in names:
    metrics.find_metric(name)
  return list(dict.fromkeys(names))


def check_options(names: Sequence[str], options: Mapping[str, Mapping]) -> None:
  for name, values in options.items():
    if name not in names:
      raise InputError(
        f"options are given for metric {name!r}, which is not asked for: add it to the "
        "metrics or drop them"
      )
    known = metrics.find_metric(name).options
    if unknown := [key for key in values if key not in known]:
      raise InputError(
        f"metric {name!r} has no option {unknown[0]!r}; "
        f"it has: {', '.join(known) or 'none'}"
      )


def read_truth(
  path: str | os.PathLike | None, dataset: str, models: Sequence[str]
) -> dict[str, float]:
  """True accuracies of the models on this data set, where there are any."""
  if path is None:
    if dataset != "digits":
      return {}
    bundled = importlib.resources.files("lead_jax.zoo") / "digits_ground_truth.csv"
    text, source = bundled.read_text(encoding="utf-8"), "the bundled ground truth"
  else:
    source = str(path)
    try:
      text = pathlib.Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
      raise InputError(f"cannot read the ground truth {source!r} ({error})") from error
  try:
    found = evaluation.parse_ground_truth(text, dataset)
  except ValueError as error:
    raise InputError(f"{source}: {error}") from error
  if path is not None and not found:
    there = ", ".join(evaluation.datasets_of(text)) or "none"
    raise InputError(f"{source} has no row for data set {dataset!r}; it has: {there}")
  return {model: found[model] for model in models if model in found}


def prepare_out(out: pathlib.Path, config: Mapping[str, Any], overwrite: bool) -> None:
  """Makes the folder, and refuses to write over the results of another run."""
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
  probe.unlink()
  there = out / "report.json"
  if overwrite or not there.exists():
    return
  try:
    theirs = json.loads(there.read_text(encoding="utf-8"))["config"]
  except (OSError, ValueError, KeyError, TypeError):
    theirs = None
  if theirs != json.loads(json.dumps(config)):
    raise InputError(
      f"{str(out)!r} holds the results of another run: give another --out, or "
      "--overwrite to replace them"
    )
