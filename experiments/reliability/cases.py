"""One case of a check and what it found, kept so that a check goes on where it was."""

import json
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from lead_jax.readers import parse_json
from lead_jax.system import write_text


class Found(NamedTuple):
  """What one case found.

  Attributes:
    check: Of which it is a case.
    case: Its number, from which all of it is drawn.
    kind: What was done.
    lost: What was done before and had to be done again, or was not told.
    wrong: What differs from a run that was left alone.
    temporary: Files that were left.
  """

  check: str
  case: int
  kind: str
  lost: list[str]
  wrong: list[str]
  temporary: list[str]


class Kept:
  """Cases that are done, in a file of one JSON line each."""

  def __init__(self, path: pathlib.Path):
    """Reads the file if it is there."""
    self._path = path
    self._lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []

  def found(self) -> list[Found]:
    """Returns all cases that are done."""
    name = str(self._path)
    return [Found(**parse_json(line.encode(), name)) for line in self._lines]

  def add(self, found: Iterable[Found]) -> None:
    """Keeps cases, all of them or none."""
    self._lines += [json.dumps(one._asdict()) for one in found]
    write_text(self._path, "".join(f"{line}\n" for line in self._lines))


def go_on(
  kept: Kept,
  check: str,
  count: int,
  case: Callable[[int], Found],
  *,
  until: float,
  at_once: int = 1,
) -> Iterator[Found]:
  """Does the cases of a check that are not done yet.

  Args:
    kept: Where those that are done are found, and kept.
    check: Its name.
    count: Of all cases.
    case: Does one, by its number.
    until: `time.monotonic()` at which no more are begun.
    at_once: Cases between two writes.

  Yields:
    What each found.
  """
  done = {one.case for one in kept.found() if one.check == check}
  waiting: list[Found] = []
  for number in range(count):
    if number in done:
      continue
    if time.monotonic() > until:
      break
    waiting.append(case(number))
    yield waiting[-1]
    if len(waiting) >= at_once:
      kept.add(waiting)
      waiting = []
  kept.add(waiting)


def table(found: Iterable[Found], wanted: dict[str, int]) -> str:
  """Returns a line per check, and one per case in which something was lost or wrong."""
  rows = list(found)
  lines = [f"{'check':12} {'cases':>15} {'lost':>6} {'wrong':>6} {'temporary':>10}"]
  for check, count in wanted.items():
    own = [row for row in rows if row.check == check]
    sums: list[Any] = [
      sum(bool(getattr(row, name)) for row in own)
      for name in ("lost", "wrong", "temporary")
    ]
    cases = f"{len(own):,} of {count:,}"
    lines.append(f"{check:12} {cases:>15} {sums[0]:6} {sums[1]:6} {sums[2]:10}")
  for row in rows:
    said = [*row.lost, *row.wrong, *row.temporary]
    if said:
      lines.append(f"{row.check} {row.case} ({row.kind}): {'; '.join(said)[:300]}")
  return "\n".join(lines) + "\n"
