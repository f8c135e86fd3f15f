"""The files that fine-tuning leaves: true accuracies, and every run behind them.

`ground_truth.csv`  one row per model and data set; rows that are there stay.
`runs.jsonl`        one JSON object per run, with its whole configuration.
`runs.csv`          the same runs, what a reader compares.
"""

import contextlib
import csv
import datetime
import io
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lead_jax.checks import InputError, csv_cell, one_line, parameter
from lead_jax.data import Division
from lead_jax.finetune._grid import Outcome
from lead_jax.finetune._protocol import AccuracyMeasure, Protocol
from lead_jax.readers import parse_json, read_csv, read_text
from lead_jax.system import alone_with, write_text
from lead_jax.version import __version__

MEASURES: Mapping[AccuracyMeasure, str] = {
  "top1": "top-1 %",
  "per_class": "mean per-class accuracy %",
  "map": "mean average precision %",
  "map11": "11-point mean average precision %",
}
TRUTH_COLUMNS = (
  "model",
  "dataset",
  "accuracy",
  "measure",
  "validation_accuracy",
  "learning_rate",
  "learning_rates_tried",
  "seeds",
  "protocol",
  "source",
  "accuracy_std",
  "weight_decay",
  "weight_decays_tried",
  "settings",
  "weights",
  "split",
)
RUN_COLUMNS = (
  "model",
  "dataset",
  "phase",
  "status",
  "learning_rate",
  "weight_decay",
  "seed",
  *(f"{part}_{name}" for part in ("validation", "test") for name in MEASURES),
  "steps",
  "seconds",
  "sessions",
  "protocol",
  "device",
  "started",
  "key",
)

Row = dict[str, str]


def truth_row(
  outcome: Outcome,
  protocol: Protocol,
  *,
  measure: AccuracyMeasure,
  settings: str,
  weights: str,
  division: Division | None = None,
) -> Row:
  """One line of the ground truth.

  Args:
    outcome: With an accuracy.
    protocol: How it was found.
    measure: What accuracies are.
    settings: Key of protocol and data.
    weights: SHA-256 of the model's weights.
    division: How the data set was divided into train and test, where it was not.
  """
  today = datetime.datetime.now(datetime.UTC).date()
  return {
    "model": outcome.model,
    "dataset": outcome.dataset,
    "accuracy": _number(outcome.accuracy),
    "measure": MEASURES[measure],
    "validation_accuracy": _number(outcome.validation_accuracy),
    "learning_rate": f"{outcome.learning_rate:g}",
    "learning_rates_tried": _list(protocol.learning_rates),
    "seeds": str(protocol.seeds),
    "protocol": protocol.name,
    "source": f"lead_jax {__version__}, fine-tuned {today}",
    "accuracy_std": _number(outcome.accuracy_std),
    "weight_decay": f"{outcome.weight_decay:g}",
    "weight_decays_tried": _list(protocol.weight_decays),
    "settings": settings[:12],
    "weights": weights[:12],
    "split": _split(division),
  }


class Truth:
  """A ground-truth file: rows are added, and replaced only where that is asked for."""

  def __init__(self, path: pathlib.Path, *, overwrite: bool):
    """Reads the file if it is there.

    Raises:
      InputError: If it cannot be read as a CSV with the columns that are needed.
    """
    self._path, self._overwrite = path, overwrite
    self._read()

  def _read(self) -> None:
    path = self._path
    self._columns: list[str] = list(TRUTH_COLUMNS)
    self._rows: dict[tuple[str, str], Row] = {}
    if not path.exists():
      return
    try:
      table = read_csv(path)
    except InputError as error:
      raise InputError(f"{error.marked}; or give another {parameter('out')}") from None
    theirs = table.columns
    if not {"model", "dataset", "accuracy"} <= set(theirs):
      raise InputError(
        f"{path} is not a ground-truth file (columns model, dataset, accuracy): give "
        f"another {parameter('out')}"
      )
    self._columns = [*theirs, *(c for c in TRUTH_COLUMNS if c not in theirs)]
    self._rows = {(row["model"], row["dataset"]): row for row in table.rows}

  def refuse_other(
    self,
    models: Sequence[str],
    dataset: str,
    settings: str,
    *,
    division: Division | None = None,
    weights: str | None = None,
  ) -> None:
    """Refuses to replace rows that were found in another way, or to add to such.

    Args:
      models: Their rows would be replaced.
      dataset: All of its rows have to be measured on the same test images.
      settings: Key of protocol and data.
      division: As `truth_row`.
      weights: SHA-256 of the weights of every model, where they are known.

    Raises:
      InputError: If there is such a row, and nothing may be overwritten.
    """
    self._read()
    brief = None if weights is None else weights[:12]
    self._refuse(models, dataset, settings[:12], _split(division), brief)

  def _refuse(
    self,
    models: Sequence[str],
    dataset: str,
    settings: str,
    split: str,
    weights: str | None,
  ) -> None:
    """Does what `refuse_other` does, by what rows have."""
    if self._overwrite:
      return
    for model in models:
      row = self._rows.get((model, dataset))
      other = row is not None and (
        row.get("settings") != settings
        or (weights is not None and row.get("weights") != weights)
      )
      if other:
        raise InputError(
          f"{self._path} has a row of {model!r} on {dataset!r} that was found with other "
          f"settings, data or weights: give another {parameter('out')}, or "
          f"{parameter('overwrite', True)} to replace it"
        )
    for (model, of), row in self._rows.items():
      theirs = row.get("split") or ""
      if of == dataset and theirs != split:
        raise InputError(
          f"{self._path} has a row of {model!r} on {dataset!r} that was measured on "
          f"another test part ({theirs or 'not divided here'}, now "
          f"{split or 'not divided here'}): give another {parameter('out')}, or "
          f"{parameter('overwrite', True)} to have both in it"
        )

  def add(self, row: Row) -> None:
    """Writes the file with the row, and with what other processes have added meanwhile.

    Raises:
      InputError: As `refuse_other`, of what they have added; or if it cannot be written.
    """
    model, dataset = row["model"], row["dataset"]
    with alone_with(self._path):
      self._read()
      self._refuse([model], dataset, row["settings"], row["split"], row["weights"])
      key = model, dataset
      self._rows[key] = {**self._rows.get(key, {}), **row}
      write_text(self._path, _csv(self._columns, list(self._rows.values())))


class Runs:
  """Every run, by its key; a failed model is a row too, until it succeeds."""

  def __init__(self, folder: pathlib.Path):
    """Reads `runs.jsonl` of the folder if it is there.

    Raises:
      InputError: If a line of it is no JSON object with a key.
    """
    self._folder, self._path = folder, folder / "runs.jsonl"
    self._read()

  def _read(self) -> None:
    path = self._path
    self._rows: dict[str, Mapping[str, Any]] = {}
    if not path.exists():
      return
    try:
      for number, line in enumerate(read_text(path).splitlines(), 1):
        row = parse_json(line, f"line {number}")
        self._rows[row["key"]] = row
    except (InputError, KeyError, TypeError) as error:
      raise InputError(
        f"{path} cannot be read ({one_line(error)}): remove it or give another "
        f"{parameter('out')}; finished runs are found again in "
        f"{parameter('checkpoint_dir')}"
      ) from None

  def models(self, dataset: str) -> list[str]:
    """Returns the models of which there are rows, in the order in which they came."""
    rows = self._rows.values()
    found = (row.get("model", "") for row in rows if row.get("dataset") == dataset)
    return list(dict.fromkeys(found))

  def add(self, model: str, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes both files with a model's runs; its earlier failure, if any, is dropped."""
    with self._changing():
      self._rows.pop(_failure_key(model, dataset), None)
      for row in rows:
        key = f"{row['key']} {model} {dataset}"
        self._rows[key] = {**row, "key": key}

  def fail(self, model: str, dataset: str, reason: str) -> None:
    """Writes both files with the reason that a model could not be fine-tuned."""
    key = _failure_key(model, dataset)
    row = {"model": model, "dataset": dataset, "status": f"failed: {reason}"}
    with self._changing():
      self._rows[key] = {**row, "key": key}

  @contextlib.contextmanager
  def _changing(self) -> Iterator[None]:
    """Reads what other processes have added meanwhile, and writes what is changed."""
    with alone_with(self._path):
      self._read()
      yield
      self._write()

  def _write(self) -> None:
    rows = list(self._rows.values())
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(self._path, "".join(f"{line}\n" for line in lines))
    flat = [_flat(row) for row in rows]
    write_text(self._folder / "runs.csv", _csv(RUN_COLUMNS, flat))


def _split(division: Division | None) -> str:
  return "" if division is None else str(division)


def _failure_key(model: str, dataset: str) -> str:
  return f"failed {model} {dataset}"


def _flat(row: Mapping[str, Any]) -> Row:
  """What `runs.csv` says of a run."""
  facts = {
    **row,
    "protocol": row.get("protocol", {}).get("name", ""),
    "device": row.get("facts", {}).get("device", ""),
    "started": row.get("facts", {}).get("started", ""),
  }
  for part in ("validation", "test"):
    for name, value in (row.get(part) or {}).items():
      facts[f"{part}_{name}"] = value
  return {column: str(facts.get(column, "")) for column in RUN_COLUMNS}


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
  buffer = io.StringIO()
  writer = csv.DictWriter(
    buffer, columns, restval="", extrasaction="ignore", lineterminator="\n"
  )
  writer.writeheader()
  writer.writerows({k: csv_cell(v) for k, v in row.items()} for row in rows)
  return buffer.getvalue()


def _number(value: float | None) -> str:
  return "" if value is None else f"{round(value, 2):g}"


def _list(values: Sequence[float]) -> str:
  return " ".join(f"{value:g}" for value in values)
