"""What not every system has: without it, everything works, perhaps with less."""

import concurrent.futures
import multiprocessing
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import lead_jax
from lead_jax.commands.rank import _folder_name

ROOT = pathlib.Path(__file__).resolve().parents[2]
# As on Windows: neither module, no SIGHUP, no /proc, no sched_getaffinity.
WITHOUT = """
import builtins, os, pathlib, signal, sys
sys.modules["fcntl"] = sys.modules["resource"] = None
del signal.SIGHUP, os.sched_getaffinity
def hidden(original):
  def call(path, *args, **kwargs):
    if str(path).startswith("/proc/"):
      raise FileNotFoundError(path)
    return original(path, *args, **kwargs)
  return call
builtins.open = hidden(builtins.open)
from lead_jax import numerics
from lead_jax.system import alone_with, cpu_count, peak_mib
assert peak_mib() == 0.0
assert cpu_count() >= 1
assert not numerics.forget_programs_if_many(share=0.0)
with alone_with(pathlib.Path(sys.argv[1]) / "file"):
  pass
import lead_jax.backbones._weights._fetch
from lead_jax.commands.rank import main
sys.exit(main([
  "lead-rank", "--models=digits/mlp_random", "--metrics=knn", "--resamples=0",
  f"--cache_dir={sys.argv[1]}/cache", f"--out={sys.argv[1]}/out",
]))
"""


def test_a_run_without_the_modules_of_posix(tmp_path):
  done = subprocess.run(
    [sys.executable, "-c", WITHOUT, str(tmp_path)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert "Traceback" not in done.stderr
  assert lead_jax.read_report(tmp_path / "out").models[0].status == "ok"


@pytest.mark.parametrize("module", ["fcntl", "resource", "pwd", "termios"])
def test_no_module_of_posix_is_needed_at_import(module):
  """By the text of the code: every import of one stands in a `try`."""
  import ast

  for path in [
    *(ROOT / "lead_jax").rglob("*.py"),
    *(ROOT / "experiments").rglob("*.py"),
  ]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
      id(node)
      for block in ast.walk(tree)
      if isinstance(block, ast.Try)
      for node in ast.walk(block)
    }
    for node in ast.walk(tree):
      if isinstance(node, ast.Import) and module in [name.name for name in node.names]:
        assert id(node) in guarded, path


def test_a_spawned_process_scores():
  """It begins with nothing of its parent, as all do on Windows and macOS."""
  features = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
  labels = np.arange(24) % 3
  context = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
    found = pool.submit(lead_jax.score, "knn", features, labels).result(120)
  assert found == pytest.approx(lead_jax.score("knn", features, labels))


@pytest.mark.parametrize(
  ("dataset", "name"),
  [
    ("photos/birds/", "birds"),
    ("C:\\photos\\birds", "birds"),
    ("C:\\photos\\birds\\", "birds"),
    ("tfds:voc/2007", "2007"),
    ("npz:my.npz", "my.npz"),
    ("aux", "_aux"),
  ],
)
def test_the_folder_of_results_has_a_name_everywhere(dataset, name):
  assert _folder_name(dataset) == name
