"""The files of `docs/examples/`: run with the schedulers' programs replaced by recorders.

A recorder writes down how it was called. What `lead-rank` is called with is read by the
real command, and so is which part that would be.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from lead_jax.commands import rank as cli
from lead_jax.commands._shard import chosen_shard
from tests.docs import commands
from tests.docs.pages import ROOT, text_of

EXAMPLES = ROOT / "docs" / "examples"
EIGHT = [(number, 8) for number in range(1, 9)]
KEPT = ("SLURM_", "CUDA_", "JAX_PLATFORMS", "TPU_")

RECORDER = f"""#!{sys.executable} -IS
import json, os, subprocess, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
kept = {{k: v for k, v in os.environ.items() if k.startswith({KEPT!r})}}
line = json.dumps([name, arguments, kept]) + "\\n"
log = os.open(os.environ["LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log, line.encode())
"""
# Starts the tasks of an array as SLURM does, with the variables that it sets.
SBATCH = """
environ = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
array = [a.partition("=")[2] for a in arguments if a.startswith("--array=")]
if not array:
  subprocess.run([arguments[-1]], env=environ, check=True)
for least, most in [map(int, text.split("-")) for text in array]:
  numbers = {"JOB_ID": 77, "TASK_MIN": least, "TASK_MAX": most, "TASK_STEP": 1}
  numbers["TASK_COUNT"] = most - least + 1
  for numbers["TASK_ID"] in range(least, most + 1):
    found = {f"SLURM_ARRAY_{k}": str(v) for k, v in numbers.items()}
    subprocess.run([arguments[-1]], env={**environ, **found}, check=True)
  print(77)
"""
# Runs a command on the hosts that it is for.
GCLOUD = """
given = dict(a.partition("=")[::2] for a in arguments if a.startswith("--"))
if "ssh" in arguments:
  hosts = range(8) if given["--worker"] == "all" else [given["--worker"]]
  command = given["--command"].replace("/mnt/data", os.environ["DATA"])
  for host in hosts:
    environ = {**os.environ, "HOST": str(host)}
    subprocess.run(["bash", "-c", command], env=environ, check=True)
"""
CURL = "print(os.environ['HOST'])\n"
PROGRAMS = {"lead-rank": "", "sbatch": SBATCH, "gcloud": GCLOUD, "curl": CURL}


@pytest.fixture
def call(tmp_path):
  """Runs a command; returns how the programs were called: name, arguments, variables."""
  programs, log = tmp_path / "programs", tmp_path / "log"
  programs.mkdir()
  for name, more in PROGRAMS.items():
    (programs / name).write_text(RECORDER + more)
    (programs / name).chmod(0o755)
  work = tmp_path / "work"
  work.mkdir()

  def run(*command, **variables):
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    environ |= {"PATH": path, "LOG": str(log), "DATA": str(work), **variables}
    subprocess.run([*map(str, command)], cwd=work, env=environ, check=True)
    return [json.loads(line) for line in log.read_text().splitlines()]

  return run


def _parts(calls):
  """By call of `lead-rank`: which part it is; whether it writes a report; variables."""
  found = []
  for name, arguments, variables in calls:
    if name == "lead-rank":
      commands.check([name, *arguments])
      cli.FLAGS([name, *arguments])
      out, shard = cli.FLAGS["out"].value, cli.FLAGS["shard"].value
      found.append((chosen_shard(shard, str, variables), out, variables))
      commands._fresh(cli.FLAGS)
  return found


def test_slurm(call):
  calls = call(EXAMPLES / "slurm_submit.sh")
  parts = _parts(calls)
  assert [part for part, _, _ in parts] == [*EIGHT, None]
  assert {out for _, out, _ in parts} == {"runs/photos"}
  last = [arguments for name, arguments, _ in calls if name == "sbatch"][-1]
  assert last == ["--dependency=afterany:77", str(EXAMPLES / "slurm_job.sh")]


def test_eight_terminals(call):
  *parts, last = _parts(call(EXAMPLES / "eight_terminals.sh"))
  assert sorted(part for part, _, _ in parts) == EIGHT
  for part, out, variables in parts:
    assert out is None
    assert variables["CUDA_VISIBLE_DEVICES"] == str(part[0] - 1)
  assert last[:2] == (None, "runs/photos")


def test_kubernetes(call):
  path = EXAMPLES / "kubernetes_job.yaml"
  job = yaml.safe_load(path.read_text())
  spec = job["spec"]
  assert (spec["completionMode"], spec["completions"]) == ("Indexed", len(EIGHT))
  (container,) = spec["template"]["spec"]["containers"]
  for index in range(spec["completions"]):
    command = [*container["command"], *container["args"]]
    calls = call(*command, JOB_COMPLETION_INDEX=str(index))
  assert [part for part, _, _ in _parts(calls)] == EIGHT


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubernetes_by_its_own_parser(tmp_path):
  """Fields that it does not know would be missing in what it has read."""
  path = EXAMPLES / "kubernetes_job.yaml"
  command = ["kubectl", f"--kubeconfig={os.devnull}", "set", "image", "--local"]
  command += ["-f", str(path), "lead-rank=other", "-o", "json"]
  environ = {**os.environ, "HOME": str(tmp_path)}
  read = subprocess.run(command, capture_output=True, check=True, env=environ)
  assert _missing(yaml.safe_load(path.read_text()), json.loads(read.stdout)) == {
    "image"
  }


def _missing(given, read):
  """Names of fields that differ."""
  if isinstance(given, dict):
    absent = given.keys() - read.keys()
    common = given.keys() & read.keys()
    wrong = {k for k in common if not isinstance(given[k], dict | list)}
    wrong = {k for k in wrong if given[k] != read[k]}
    return absent.union(wrong, *(_missing(given[k], read[k]) for k in common))
  if isinstance(given, list):
    pairs = zip(given, read, strict=True)
    return set().union(*(_missing(a, b) for a, b in pairs))
  return set()


def test_a_tpu_slice(call):
  *parts, last = _parts(call(EXAMPLES / "tpu_pod.sh"))
  assert [part for part, _, _ in parts] == EIGHT
  assert all(variables["TPU_PROCESS_BOUNDS"] == "1,1,1" for _, _, variables in parts)
  assert last[:2] == (None, "runs/photos")
  assert last[2]["JAX_PLATFORMS"] == "cpu"


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_a_tpu_slice_by_gclouds_own_parser(call, tmp_path):
  calls = call(EXAMPLES / "tpu_pod.sh")
  typed = [["gcloud", *given] for name, given, _ in calls if name == "gcloud"]
  assert len(typed) == 3
  for words in typed:
    # Their text is another parser's.
    words = [w if not w.startswith("--command=") else "--command=true" for w in words]
    lint = ["gcloud", "meta", "lint-gcloud-commands"]
    lint += [f"--command-string={shlex.join(words)}"]
    environ = {**os.environ, "CLOUDSDK_CONFIG": str(tmp_path / "config")}
    read = subprocess.run(lint, capture_output=True, check=True, env=environ)
    (said,) = json.loads(read.stdout)
    assert said["success"], said["error_message"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_example_is_tested_and_shown(path):
  assert path.name in pathlib.Path(__file__).read_text()
  page = text_of("batch_jobs")
  assert f"](examples/{path.name})" in page
  assert f"{{literalinclude}} examples/{path.name}\n" in page
  assert os.access(path, os.X_OK) == (path.suffix == ".sh")
