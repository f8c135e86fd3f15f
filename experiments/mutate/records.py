"""What a run found, fault by fault, and the table of those that no test finds."""

import collections
import csv
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SURVIVORS = pathlib.Path(__file__).parent / "survivors.csv"


def read_records(path: pathlib.Path) -> dict[str, dict[str, Any]]:
  """Returns the last record of every fault, by its name; a torn last line is dropped."""
  found = {}
  for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
    try:
      record = json.loads(line)
    except json.JSONDecodeError:
      continue
    found[record["name"]] = record
  return found


def untried(record: Mapping[str, Any] | None, tests: Mapping[str, str]) -> set[str]:
  """Returns the files whose tests may still decide a fault.

  What a test found, it finds again while the module stays the same. What no test found,
  those of a new or changed file may.

  Args:
    record: Of the fault in its module as it is; None or empty where there is none.
    tests: Digest of each file of tests.
  """
  if not record:
    return set(tests)
  if record["status"] == "killed":
    return set()
  return {file for file, digest in tests.items() if record["tests"].get(file) != digest}


def read_reasons(path: pathlib.Path = SURVIVORS) -> dict[str, str]:
  """Returns, by name of the fault, why no test can find it."""
  if not path.exists():
    return {}
  with path.open(encoding="utf-8", newline="") as file:
    return {row["fault"]: row["reason"] for row in csv.DictReader(file)}


def unexplained(
  records: Iterable[Mapping[str, Any]], reasons: Mapping[str, str]
) -> list[Mapping[str, Any]]:
  """Returns the faults that no test finds and no reason excuses."""
  return [
    record
    for record in records
    if record["status"] != "killed" and record["name"] not in reasons
  ]


def table(
  records: Iterable[Mapping[str, Any]],
  made: Mapping[str, int],
  reasons: Mapping[str, str],
) -> str:
  """Returns, by room, how many faults were tried, found and excused, as Markdown.

  Args:
    records: Of the faults tried.
    made: By room, how many faults there are.
    reasons: As `read_reasons` returns them.
  """
  by_room: dict[str, list[Mapping[str, Any]]] = collections.defaultdict(list)
  for record in records:
    by_room[record["module"].split("/")[1]].append(record)
  lines = [
    "| room | faults | tried | found by a test | survive, with a reason | survive |",
    "|---|---:|---:|---:|---:|---:|",
  ]
  for room, tried in by_room.items():
    killed = sum(record["status"] == "killed" for record in tried)
    open_ones = len(unexplained(tried, reasons))
    excused = len(tried) - killed - open_ones
    lines.append(
      f"| `{room}` | {made[room]} | {len(tried)} | {killed} | {excused} | {open_ones} |"
    )
  return "\n".join(lines)


def listing(records: Sequence[Mapping[str, Any]]) -> str:
  """Returns faults line by line, for a reader at a terminal."""
  return "\n".join(
    f"{record['status']:9} line {record['line']:<4} {record['name']}"
    for record in records
  )
