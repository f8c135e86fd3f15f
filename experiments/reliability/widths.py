"""Many widths of features under many metrics in one process: memory maps stay bounded."""

import subprocess
import sys

from experiments.reliability.cases import Found
from experiments.reliability.job import ROOT

METRICS = (
  *("lead", "lead_held_out", "logme", "h_score", "knn"),
  *("transrate", "gbc", "nearest_centroid", "ncti", "sfda"),
)
_SCORE = """
import pathlib, sys
import numpy as np
import lead_jax
widths, metrics = int(sys.argv[1]), sys.argv[2].split(",")
maps = pathlib.Path("/proc/self/maps")
count = lambda: len(maps.read_bytes().splitlines()) if maps.exists() else 0
rng, most = np.random.default_rng(0), 0
for i in range(widths):
  features = rng.normal(size=(60, 40 + 4 * i)).astype(np.float32)
  for metric in metrics:
    lead_jax.score(metric, features, np.arange(60) % 4)
    most = max(most, count())
print(most)
"""


def loop(case: int, widths: int) -> Found:
  """Scores features of that many widths by ten metrics."""
  done = subprocess.run(
    [sys.executable, "-c", _SCORE, str(widths), ",".join(METRICS)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  lost = (
    [f"exit code {done.returncode}: {done.stderr[-200:]}"] if done.returncode else []
  )
  most = 0 if lost else int(done.stdout.splitlines()[-1])
  wrong = [f"{most} memory maps"] if most > 45_000 else []
  kind = f"{widths} widths x {len(METRICS)} metrics, at most {most:,} memory maps"
  return Found("widths", case, kind, lost, wrong, [])
