"""The run that is killed, raced and starved: a small ranking of bundled models."""

import functools
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import IO, NamedTuple

from lead_jax.readers import read_json

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ("digits/mlp_random", "digits/mlp_supervised", "digits/mlp_denoising")
METRICS = ("knn", "h_score")
# Of a model that is done, as the run says it.
_DONE = re.compile(r"^\[\d/\d\] (\S+): (features|scores) ", re.MULTILINE)
_STORED = re.compile(r"^\[\d/\d\] (\S+): scores from the store", re.MULTILINE)

Scores = Mapping[str, tuple[float | None, int | None]]


class Ended(NamedTuple):
  """How a run ended, and what it said."""

  code: int
  out: str
  err: str

  def done(self) -> set[str]:
    """Returns the models that it said were done."""
    return {found[0] for found in _DONE.findall(self.err)}

  def stored(self) -> set[str]:
    """Returns the models whose scores it had from the store."""
    return set(_STORED.findall(self.err))


def start(
  cache: pathlib.Path,
  out: pathlib.Path,
  *,
  before: str = "",
  stdout: int | IO[str] = subprocess.PIPE,
) -> subprocess.Popen:
  """Starts a run.

  Args:
    cache: Its store.
    out: For its results.
    before: Python statements that come first.
    stdout: As for `Popen`.
  """
  return subprocess.Popen(
    [
      sys.executable,
      "-c",
      f"{before}\nfrom lead_jax.commands.rank import run\nrun()",
      "digits",
      f"--models={','.join(MODELS)}",
      f"--metrics={','.join(METRICS)}",
      "--resamples=0",
      f"--cache_dir={cache}",
      f"--out={out}",
    ],
    cwd=ROOT,
    stdout=stdout,
    stderr=subprocess.PIPE,
    text=True,
  )


def end(process: subprocess.Popen) -> Ended:
  """Waits for a run."""
  out, err = process.communicate(timeout=600)
  return Ended(process.returncode, out or "", err)


def scores(out: pathlib.Path) -> Scores:
  """Returns scores and ranks of a report, by model and metric; {} without one."""
  if not (out / "report.json").exists():
    return {}
  content = read_json(out / "report.json")
  rows = content["scores"]
  return {f"{r['model']} {r['metric']}": (r["score"], r["rank"]) for r in rows}


def temporaries(*folders: pathlib.Path) -> list[str]:
  """Returns files that a run should not leave: temporary ones, locks and claims."""
  hidden = [path for folder in folders for path in folder.rglob(".*")]
  claims = [path for folder in folders for path in folder.rglob(".claims/*")]
  found = [path for path in hidden if path.name.endswith((".tmp", ".lock"))]
  return sorted({f"left: {path.name}" for path in [*found, *claims]})


def finished(
  cache: pathlib.Path, out: pathlib.Path, expected: Scores, done: set[str]
) -> tuple[list[str], list[str], list[str]]:
  """Runs to the end what was stopped; returns what was lost, wrong and left.

  Args:
    cache: The store.
    out: The results.
    expected: Of a run that was left alone.
    done: Models that the stopped run said were done.
  """
  ended = end(start(cache, out))
  lost = [f"computed again: {name}" for name in sorted(done - ended.stored())]
  wrong = [] if ended.code == 0 else [f"exit code {ended.code}: {ended.err[-200:]}"]
  if "Traceback" in ended.err:
    wrong.append(ended.err[-200:])
  if scores(out) != expected:
    wrong.append("scores or ranks differ")
  return lost, wrong, temporaries(cache, out)


@functools.cache
def reference(folder: pathlib.Path) -> tuple[Scores, pathlib.Path]:
  """Returns the scores of a run that is left alone, and its cache.

  Made once per process: an earlier one may be of other code.
  """
  cache, out = folder / "cache", folder / "out"
  shutil.rmtree(folder, ignore_errors=True)
  ended = end(start(cache, out))
  if ended.code:
    raise RuntimeError(f"the run that is left alone fails: {ended.err[-500:]}")
  return scores(out), cache
