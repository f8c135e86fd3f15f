"""Makes figures one after the other: numbers, what they were made of, picture."""

import csv
import hashlib
import inspect
import io
import json
import math
import pathlib
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from experiments.figures.material import Material, MissingError, short
from experiments.figures.table import FIGURES, FINETUNED
from lead_jax.assessment import plotting
from lead_jax.checks import InputError
from lead_jax.readers import parse_csv, parse_json, read_json, read_text
from lead_jax.system import environment, write_text

Rows = list[dict[str, Any]]


def chosen(names: Sequence[str]) -> list[str]:
  """Returns the figures asked for, all where none is named.

  Raises:
    InputError: If there is no such figure.
  """
  for name in names:
    if name not in FIGURES:
      raise InputError(f"--only={name}: there are {', '.join(FIGURES)}")
  return list(dict.fromkeys(names)) or list(FIGURES)


def make_all(
  names: Sequence[str],
  material: Material,
  out: pathlib.Path,
  *,
  command: str,
  svg: bool = False,
) -> str:
  """Makes figures; returns a line on each.

  A figure that lacks material is skipped; one that fails costs the others nothing.

  Args:
    names: Of the table.
    material: What they are made of.
    out: Folder to write, which exists.
    command: That makes them, for the captions.
    svg: Whether to write SVG beside PNG.

  Raises:
    InputError: At the end, if one could not be made.
  """
  lines, failed = [], []
  for name in names:
    try:
      lines.append(f"{name}: {_make(name, material, out, command, svg)}")
    except MissingError as error:
      lines.append(f"{name}: skipped, {error}")
    except InputError as error:
      failed.append(f"{name}: {error}")
      continue
    material.say(*lines[-1].split(": ", 1))
  if failed:
    raise InputError("; ".join(failed))
  return "".join(f"{line}\n" for line in lines)


def _make(
  name: str, material: Material, out: pathlib.Path, command: str, svg: bool
) -> str:
  module = FIGURES[name]
  made_of = {
    "figure": name,
    "source": _source(module),
    **material.identity(finetuned=name in FINETUNED),
  }
  rows = read_rows(out / name, made_of)
  done = "drawn from the numbers that were there"
  if rows is None:
    material.say(name, "measuring")
    began = time.monotonic()
    found = module.measure(material)
    seconds = time.monotonic() - began
    write_rows(out / name, found, made_of, command=command, seconds=seconds)
    rows = read_rows(out / name, made_of)
    done = f"measured in {seconds:.0f} s"
  with plotting.styled():
    picture = module.figure(rows, material)
    plotting.save(picture, out / name, origin(rows or [], material, command), svg=svg)
  return f"{out / name}.png, {done}"


def _source(module: ModuleType) -> str:
  """The module's text above `figure`: numbers of an older form of it do not count."""
  above, _, _ = inspect.getsource(module).partition("\ndef figure(")
  return hashlib.sha256(above.encode()).hexdigest()


def origin(rows: Sequence[Mapping[str, Any]], material: Material, command: str) -> str:
  """Returns what stands below every figure: data, networks, seeds, command.

  Args:
    rows: Of the figure; the data sets and models that they name are those it shows.
    material: What it was made of.
    command: That makes it.
  """
  named = lambda column: {str(row[column]) for row in rows if row.get(column)}
  datasets, models = named("dataset"), named("model") & set(material.models)
  data = ", ".join(
    f"{dataset.name} ({len(dataset)} images, {len(dataset.class_names)} classes)"
    for dataset in material.datasets
    if not datasets or dataset.name in datasets
  )
  shown = [model for model in material.models if not models or model in models]
  seeds = f"Seed {material.seed}."
  trained = {seed for cell in named("finetuning_seeds") for seed in cell.split()}
  if trained:
    plural = "s" if len(trained) > 1 else ""
    seeds += f" Fine-tuning seed{plural} {', '.join(sorted(trained, key=int))}."
  count = f"{len(shown)} networks" if len(shown) > 1 else "Network"
  return f"Data: {data}. {count}: {', '.join(short(shown))}. {seeds} {command}".strip()


def write_rows(
  path: pathlib.Path,
  rows: Sequence[Mapping[str, Any]],
  made_of: Mapping[str, Any],
  *,
  command: str,
  seconds: float,
) -> None:
  """Writes `PATH.csv`, then `PATH.json`, without which the former does not count.

  A number is written to seven digits; no number (None, NaN) is an empty cell.

  Args:
    path: Without the ending.
    rows: All columns of a row may be missing in another.
    made_of: JSON values.
    command: That made them.
    seconds: That it took.
  """
  names = list(dict.fromkeys(name for row in rows for name in row))
  text = {n for n in names if any(isinstance(row.get(n), str) for row in rows)}
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(names)
  writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
  content = buffer.getvalue()
  write_text(path.with_name(f"{path.name}.csv"), content)
  about = {
    "made_of": made_of,
    "columns": {name: "text" if name in text else "number" for name in names},
    "csv_sha256": hashlib.sha256(content.encode()).hexdigest(),
    "command": command,
    "seconds": round(seconds, 1),
    "environment": environment(),
  }
  whole = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False)
  write_text(path.with_name(f"{path.name}.json"), whole + "\n")


def _cell(value: Any) -> str:
  if isinstance(value, str):
    return value
  if value is None or math.isnan(value):
    return ""
  return str(int(value)) if float(value).is_integer() else f"{float(value):.7g}"


def read_rows(path: pathlib.Path, made_of: Mapping[str, Any]) -> Rows | None:
  """Reads what `write_rows` wrote; None if it is not there, or of other things.

  Args:
    path: Without the ending.
    made_of: Must be what the numbers were made of.
  """
  try:
    about = read_json(path.with_name(f"{path.name}.json"))
    content = read_text(path.with_name(f"{path.name}.csv"))
    columns = about["columns"]
    same = about["made_of"] == parse_json(json.dumps(made_of), path.name)
    same &= about["csv_sha256"] == hashlib.sha256(content.encode()).hexdigest()
  except (OSError, ValueError, KeyError, TypeError):
    return None
  if not same:
    return None
  number = lambda cell: float(cell) if cell else math.nan
  return [
    {n: cell if columns[n] == "text" else number(cell) for n, cell in row.items()}
    for row in parse_csv(content, path.name).rows
  ]
