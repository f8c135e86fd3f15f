"""`python -m experiments.mutate --rooms=ntk`: which small faults no test would find.

Changes the code of a room in one place (an operator, a constant, an axis, a comparison, a
lost term, keyword or statement), runs the room's tests that run that place, and goes on to
the next. Exits with 1 if a fault survives for which `survivors.csv`, beside this file, has
no reason. What is decided is kept in `--out`: the same command continues an interrupted
run, and after a change tries again only what the change may have decided otherwise.
"""

import json
import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags

from experiments.mutate import operators, records, work
from experiments.mutate.tests import ROOMS

FLAGS = flags.FlagValues()
_ROOMS = flags.DEFINE_list(
  "rooms", list(ROOMS), f"Any of {', '.join(ROOMS)}.", flag_values=FLAGS
)
_FRACTION = flags.DEFINE_float(
  "fraction",
  1.0,
  "Share of the faults that is tried.",
  lower_bound=0,
  upper_bound=1,
  flag_values=FLAGS,
)
_CHOICE = flags.DEFINE_integer(
  "choice", 0, "Seed of the choice of that share.", flag_values=FLAGS
)
_TESTS = flags.DEFINE_list(
  "tests",
  [],
  "Only files of tests whose names hold one of these; all by default. What they do not "
  "find, the next run tries on the others.",
  flag_values=FLAGS,
)
_WORKERS = flags.DEFINE_integer(
  "workers", 2, "Processes at a time.", lower_bound=1, flag_values=FLAGS
)
_OUT = flags.DEFINE_string(
  "out", "runs/mutate", "Folder of records and copies.", flag_values=FLAGS
)

_CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def _faults(room: str) -> list[operators.Mutant]:
  """Returns every fault of a room."""
  files = sorted((_CHECKOUT / "lead_jax" / room).glob("_[!_]*.py"))
  sources = {
    str(f.relative_to(_CHECKOUT)): f.read_text(encoding="utf-8") for f in files
  }
  choices = operators.literals(list(sources.values()))
  return [
    fault
    for module, source in sources.items()
    for fault in operators.mutants_of(module, source, choices)
  ]


def _try_room(
  room: str, faults: list[operators.Mutant], out: pathlib.Path
) -> list[dict[str, object]]:
  """Tries a room's faults and returns their records, old ones and new ones."""
  modules = sorted({fault.module for fault in faults})
  sources = {m: (_CHECKOUT / m).read_text(encoding="utf-8") for m in modules}
  code = {f.name: work.code_digest(sources[f.module], f.function) for f in faults}
  files = work.test_files(_CHECKOUT, ROOMS[room])
  if _TESTS.value:
    files = [file for file in files if any(part in file for part in _TESTS.value)]
  tests = {file: work.digest_of(_CHECKOUT, [file]) for file in files}
  kept = records.read_records(out / "records.jsonl")
  reasons = records.read_reasons()
  todo = []
  for fault in faults:
    record = kept.get(fault.name)
    if record and record["code"] != code[fault.name]:
      record = kept[fault.name] = {}
    if record and fault.name in reasons:
      continue
    if left := records.untried(record, tests):
      before = record["status"] if record else "never run"
      todo.append(work.Trial(fault, frozenset(left), before))
  if todo:
    ready = work.Room(
      room, _CHECKOUT, out, files=files, modules=modules, workers=_WORKERS.value
    )
    with (out / "records.jsonl").open("a", encoding="utf-8") as file:
      for count, (fault, outcome) in enumerate(ready.try_all(todo), start=1):
        met = {**kept.get(fault.name, {}).get("tests", {}), **tests}
        record = work.record_of(fault, outcome, code[fault.name], met)
        kept[fault.name] = record
        print(json.dumps(record), file=file, flush=True)
        if outcome.status != "killed":
          print(f"{count}/{len(todo)} {records.listing([record])}", flush=True)
  return [kept[fault.name] for fault in faults]


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  rest = FLAGS(argv)
  if unknown := [*rest[1:], *(room for room in _ROOMS.value if room not in ROOMS)]:
    raise app.UsageError(f"there is no room {unknown[0]!r}: {', '.join(ROOMS)}")
  out = pathlib.Path(_OUT.value).absolute()
  out.mkdir(parents=True, exist_ok=True)
  made, tried = {}, []
  for room in _ROOMS.value:
    faults = _faults(room)
    made[room] = len(faults)
    chosen = [f for f in faults if f.draw(_CHOICE.value) < _FRACTION.value]
    tried += _try_room(room, chosen, out)
  reasons = records.read_reasons()
  left = records.unexplained(tried, reasons)
  print(records.table(tried, made, reasons))
  if left:
    print(
      f"\nNo test finds these, and no reason excuses them:\n{records.listing(left)}"
    )
  return bool(left)


if __name__ == "__main__":
  try:
    sys.exit(run(sys.argv))
  except (flags.Error, app.UsageError) as error:
    print(f"{error}; see the head of experiments/mutate/__main__.py", file=sys.stderr)
    sys.exit(2)
  except KeyboardInterrupt:
    print("interrupted; run the same command again to go on", file=sys.stderr)
    sys.exit(130)
