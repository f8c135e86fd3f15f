"""The next step that a report prints runs as pasted, from where the user stands."""

import csv
import os
import pathlib
import shlex
import subprocess
import sys

from tests.docs.folder import make_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _shell(line, folder):
  """Runs a line as a user pastes it, the commands being those of this checkout."""
  functions = "".join(
    f"{command}() {{ {shlex.quote(sys.executable)} -c "
    f"'from lead_jax.commands.{module} import run; run()' \"$@\"; }}\n"
    for command, module in (("lead-rank", "rank"), ("lead-finetune", "finetune"))
  )
  return subprocess.run(
    ["bash", "-c", functions + line],
    cwd=folder,
    env={
      **os.environ,
      "PYTHONPATH": str(ROOT),
      "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # as this process; see conftest.py
    },
    capture_output=True,
    text=True,
    check=False,
  )


def test_pasted_for_an_undivided_folder_and_a_relative_zoo(tmp_path):
  make_folder(tmp_path)
  (tmp_path / "my photos").symlink_to(tmp_path / "photos")
  ranked = _shell(
    "lead-rank 'my photos/' --zoo=zoo.json --models=mobilenet,squeezenet --metrics=knn "
    "--resamples=0 --cache_dir=cache",
    tmp_path,
  )
  assert ranked.returncode == 0, ranked.stderr
  lines = [line.strip() for line in ranked.stdout.splitlines()]
  (step,) = [line for line in lines if line.startswith("lead-finetune ")]
  assert step.startswith("lead-finetune 'my photos/' --models=")
  assert step.endswith(" --zoo=zoo.json --cache_dir=cache")
  tuned = _shell(step, tmp_path)
  assert tuned.returncode == 0, tuned.stderr
  text = (tmp_path / "runs" / "finetune" / "ground_truth.csv").read_text()
  rows = list(csv.DictReader(text.splitlines()))
  named = step.split("--models=")[1].split()[0].split(",")
  assert [row["model"] for row in rows] == named
  assert all(row["split"].startswith("20 % of each class") for row in rows)
  assert all(0 <= float(row["accuracy"]) <= 100 for row in rows)
