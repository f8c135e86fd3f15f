"""`python -m experiments.fuzz --inputs=100000 --seed=0`: damaged inputs of every kind.

Damages sound inputs (npz data sets, features, ONNX networks, zoo files, weights, pictures,
ground truth, reports, command lines) by the bit and by the field, and puts each through the
door that a user's goes through. Anything but success or one line of ours fails, and so does
what takes more than --limit seconds or --memory GiB. Input i of a seed is always the same.

Failures are kept in --out with their bytes: --replay=FILE tries one again. Run again with
the same --seed and --out, it goes on where it was.

Exit codes: 0; 1 where an input failed; 2 where a flag is wrong.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from absl import flags

from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags, end_well, read_flags

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_INPUTS = flags.DEFINE_integer(
  "inputs", 100_000, "Inputs to try.", lower_bound=1, flag_values=FLAGS
)
_SEED = SharedFlags(FLAGS).seed()
_KINDS = flags.DEFINE_list("kinds", [], "Kinds to try; all.", flag_values=FLAGS)
_OUT = flags.DEFINE_string(
  "out", "runs/fuzz", "Folder for verdicts and failures.", flag_values=FLAGS
)
_PROCESSES = flags.DEFINE_integer(
  "processes", 2, "Processes.", lower_bound=1, flag_values=FLAGS
)
_LIMIT = flags.DEFINE_float("limit", 20.0, "Seconds per input.", flag_values=FLAGS)
_MEMORY = flags.DEFINE_float(
  "memory", 6.0, "GiB that a process may take beyond its start.", flag_values=FLAGS
)
_REPLAY = flags.DEFINE_string("replay", None, "Input to try again.", flag_values=FLAGS)
_WORKER = flags.DEFINE_integer("worker", None, "Of the program.", flag_values=FLAGS)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("experiments.fuzz", lambda: _fuzz(argv))


def _fuzz(argv: Sequence[str]) -> int:
  if read_flags(FLAGS, __doc__, argv) is None:
    return 0
  from experiments.fuzz.doors import KINDS

  if unknown := [name for name in _KINDS.value if name not in KINDS]:
    raise InputError(f"there is no kind {unknown[0]!r}: {', '.join(KINDS)}")
  names = tuple(_KINDS.value or KINDS)
  out = pathlib.Path(_OUT.value)
  if _REPLAY.value is not None:
    return _replay(pathlib.Path(_REPLAY.value))
  out.mkdir(parents=True, exist_ok=True)
  if _WORKER.value is not None:
    return _work(names, out, _WORKER.value)
  start = time.monotonic()
  workers = {number: _started(argv, number) for number in range(_PROCESSES.value)}
  try:
    _watch(workers, argv)
  finally:
    for worker in workers.values():
      worker.terminate()
  print(_table(out), end="")
  failed = sum(row["outcome"] == "failed" for row in _verdicts(out))
  print(f"{failed} failures; {time.monotonic() - start:.0f} s; inputs in {out}")
  return 1 if failed else 0


def _watch(workers: "dict[int, subprocess.Popen[bytes]]", argv: Sequence[str]) -> None:
  """Waits for the workers; one that an input has ended is started again behind it."""
  while workers:
    time.sleep(0.5)
    for number, worker in list(workers.items()):
      code = worker.poll()
      if code is None:
        continue
      del workers[number]
      if code == 2:
        raise InputError("a worker could not go on: it says why above")
      if code:
        workers[number] = _started(argv, number)


def _started(argv: Sequence[str], number: int) -> "subprocess.Popen[bytes]":
  command = [sys.executable, "-m", "experiments.fuzz", *argv[1:], f"--worker={number}"]
  return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _work(names: tuple[str, ...], out: pathlib.Path, number: int) -> int:
  """Tries every input of a worker that has no verdict yet.

  An input is named in a file before it is tried: one that ended the process twice is found
  there, and fails.
  """
  from experiments.fuzz.judge import FAILED, input_of, judge
  from lead_jax.readers import parse_json, read_text

  _bound_memory()
  log, current = out / f"verdicts-{number}.jsonl", out / f"current-{number}"
  next_one = number
  if log.exists():
    rows = read_text(log).splitlines()
    last = (
      parse_json(rows[-1], log.name)["number"] if rows else number - _PROCESSES.value
    )
    next_one = last + _PROCESSES.value
  killer = read_text(current).split() if current.exists() else []
  with open(log, "a", buffering=1) as file, tempfile.TemporaryDirectory() as scratch:
    for index in range(next_one, _INPUTS.value, _PROCESSES.value):
      kind, content = input_of(index, _SEED.value, names)
      tries = killer.count(str(index))
      if tries > 1:
        row = {
          "number": index,
          "kind": kind.name,
          "outcome": FAILED,
          "reason": "ended the process",
          "seconds": 0.0,
        }
      else:
        current.write_text(f"{index} " * (tries + 1))
        verdict = judge(index, kind, content, pathlib.Path(scratch), limit=_LIMIT.value)
        row = verdict._asdict()
      if row["outcome"] == FAILED:
        (out / f"{kind.name}-{index}{kind.suffix}").write_bytes(content)
      row["reason"] = str(row["reason"])[:300]
      file.write(json.dumps(row) + "\n")
  current.unlink(missing_ok=True)
  return 0


def _bound_memory() -> None:
  """Bounds what this process may take, on Linux; elsewhere time alone is bounded."""
  import jax

  jax.devices()  # what the process takes anyway
  try:
    import resource

    size = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
  except (ImportError, OSError):
    return
  most = size * os.sysconf("SC_PAGE_SIZE") + int(_MEMORY.value * 2**30)
  resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _replay(path: pathlib.Path) -> int:
  from experiments.fuzz.doors import KINDS
  from experiments.fuzz.judge import FAILED, judge

  name = path.name.partition("-")[0]
  if name not in KINDS or not path.is_file():
    raise InputError(f"{str(path)!r} is no file KIND-NUMBER.SUFFIX of this program")
  with tempfile.TemporaryDirectory() as scratch:
    verdict = judge(0, KINDS[name], path.read_bytes(), pathlib.Path(scratch))
  print(f"{verdict.outcome} in {verdict.seconds:.3f} s: {verdict.reason}")
  return 1 if verdict.outcome == FAILED else 0


def _verdicts(out: pathlib.Path) -> list[dict]:
  from lead_jax.readers import parse_json, read_text

  files = sorted(out.glob("verdicts-*.jsonl"))
  return [parse_json(line, f.name) for f in files for line in read_text(f).splitlines()]


def _table(out: pathlib.Path) -> str:
  """A line per kind: counts, seconds, the slowest; then the failures, alike ones once."""
  rows = _verdicts(out)
  lines = [f"{'kind':12} inputs    read refused failed seconds slowest"]
  for kind in dict.fromkeys(row["kind"] for row in rows):
    mine = [row for row in rows if row["kind"] == kind]
    count = collections.Counter(row["outcome"] for row in mine)
    seconds = [row["seconds"] for row in mine]
    lines.append(
      f"{kind:12} {len(mine):6} {count['read']:7} {count['refused']:7} "
      f"{count['failed']:6} {sum(seconds):7.1f} {max(seconds):.3f} s"
    )
  failures = [row for row in rows if row["outcome"] == "failed"]
  alike = collections.Counter(
    (row["kind"], row["reason"].partition(": ")[0]) for row in failures
  )
  lines += [f"{n:5} {kind}: {reason}" for (kind, reason), n in alike.most_common(40)]
  return "\n".join(lines) + "\n"


if __name__ == "__main__":
  sys.exit(run(sys.argv))
