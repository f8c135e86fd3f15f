"""Kills and signals at random moments of a run, and several runs on one store."""

import pathlib
import random
import shutil
import signal
import threading
import time

from experiments.reliability import job
from experiments.reliability.cases import Found

# SIGKILL as often as all others together.
_NUMBERS = (
  signal.SIGKILL,
  signal.SIGTERM,
  signal.SIGKILL,
  signal.SIGHUP,
  signal.SIGKILL,
  signal.SIGINT,
)


def stop(case: int, folder: pathlib.Path, seconds: float) -> Found:
  """Stops a run at a random moment, runs it to its end, and says what was lost.

  Args:
    case: Its number.
    folder: With `reference`; the case works in a folder of its own below.
    seconds: That a run takes.
  """
  draw = random.Random(case)
  number = _NUMBERS[case % len(_NUMBERS)]
  expected, warm = job.reference(folder / "reference")
  place = folder / f"stop-{case}"
  shutil.rmtree(place, ignore_errors=True)
  cache, out = place / "cache", place / "out"
  if case % 4:  # else programs are compiled, and written, too
    shutil.copytree(warm / "xla", cache / "xla")
  moment = draw.uniform(0, seconds)
  process = job.start(cache, out)
  timer = threading.Timer(moment, process.send_signal, [number])
  timer.start()
  ended = job.end(process)
  timer.cancel()
  wrong = _badly_ended(ended, number)
  if found := job.scores(out):
    partly = {name: score for name, (score, _) in found.items() if score is not None}
    known = {name: score for name, (score, _) in expected.items()}
    if not partly.items() <= known.items():
      wrong.append("the stopped run wrote other scores")
  lost = []
  told = ended.done()
  if number != signal.SIGKILL and ended.code == 128 + number and told and not found:
    lost.append("what was done was not written")
  again, differs, left = job.finished(cache, out, expected, told)
  shutil.rmtree(place, ignore_errors=True)
  last = ended.err.strip().splitlines()[-1:] or ["before the first line"]
  kind = f"{number.name} at {moment:.2f} s: {last[0][:60]}"
  return Found("stops", case, kind, [*lost, *again], [*wrong, *differs], left)


def _badly_ended(ended: job.Ended, number: signal.Signals) -> list[str]:
  # Before Python runs ours, the system's own ending of a signal holds.
  codes = {0, -number, 128 + number}
  if number == signal.SIGINT:
    codes.add(1)  # Python's, while it starts
  wrong = [] if ended.code in codes else [f"exit code {ended.code} by {number.name}"]
  begun = "Reading" in ended.err
  if "Traceback" in ended.err and begun:
    wrong.append(f"traceback: {ended.err[-200:]}")
  if begun and number != signal.SIGKILL and ended.code == -number:
    wrong.append(f"ended by {number.name} without a word")
  return wrong


def race(case: int, folder: pathlib.Path, processes: int = 8) -> Found:
  """Has several runs fill one store at once; all must end well with the same scores."""
  expected, warm = job.reference(folder / "reference")
  place = folder / f"race-{case}"
  shutil.rmtree(place, ignore_errors=True)
  shutil.copytree(warm / "xla", place / "cache" / "xla")
  outs = [place / f"out-{i}" for i in range(processes)]
  runs = [job.start(place / "cache", out) for out in outs]
  wrong = []
  for out, run in zip(outs, runs, strict=True):
    ended = job.end(run)
    if ended.code or "Traceback" in ended.err or "damaged" in ended.err:
      wrong.append(f"exit code {ended.code}: {ended.err[-200:]}")
    if job.scores(out) != expected:
      wrong.append("scores or ranks differ")
  left = job.temporaries(place)
  shutil.rmtree(place, ignore_errors=True)
  return Found("races", case, f"{processes} processes", [], wrong, left)


def seconds_of_a_run(folder: pathlib.Path) -> float:
  """Returns the wall time of a run with programs that are compiled already."""
  _, warm = job.reference(folder / "reference")
  place = folder / "timed"
  shutil.rmtree(place, ignore_errors=True)
  shutil.copytree(warm / "xla", place / "cache" / "xla")
  started = time.monotonic()
  job.end(job.start(place / "cache", place / "out"))
  shutil.rmtree(place, ignore_errors=True)
  return time.monotonic() - started
