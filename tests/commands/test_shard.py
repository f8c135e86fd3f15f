"""`--shard`: which part is asked for, what a part says and leaves alone."""

import json

import pytest

from lead_jax.checks import InputError
from lead_jax.commands._shard import chosen_shard
from tests.commands.test_rank import MODELS, command  # noqa: F401 (a fixture)

METRICS = ["--metrics=feature_norm", "--resamples=0"]


def _array(task, *, count, least=1, most=None, step=None):
  most = least + (count - 1) * (step or 1) if most is None else most
  found = {"JOB_ID": 77, "TASK_ID": task, "TASK_MIN": least, "TASK_MAX": most}
  found |= {"TASK_COUNT": count} | ({} if step is None else {"TASK_STEP": step})
  return {f"SLURM_ARRAY_{name}": str(value) for name, value in found.items()}


@pytest.mark.parametrize(
  ("given", "variables", "expected"),
  [
    (None, {}, None),
    ("3/8", {}, (3, 8)),
    ("1/1", {}, (1, 1)),
    ("all", {}, None),
    (None, _array(1, count=8), (1, 8)),
    (None, _array(0, count=8, least=0), (1, 8)),
    (None, _array(7, count=8, least=0), (8, 8)),
    (None, _array(14, count=3, least=10, step=2), (3, 3)),
    ("2/3", _array(1, count=8), (2, 3)),
    ("all", _array(1, count=8), None),
    # Of a job that is no array, or of a shell inside one.
    (None, {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, None),
    (None, {"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"}, None),
    (None, {"JOB_COMPLETION_INDEX": "3"}, None),
  ],
)
def test_which_part(given, variables, expected):
  said = []
  assert chosen_shard(given, said.append, variables) == expected
  assert len(said) == (given is None and expected is not None)
  if said:
    assert said[0].startswith(f"--shard={expected[0]}/{expected[1]}, as task ")
    assert "SLURM array 77" in said[0]


@pytest.mark.parametrize(
  ("told", "expected"),
  [
    ("JobId=80 ArrayJobId=77 ArrayTaskId=2 JobName=x\n", (2, 8)),
    ("", (2, 8)),  # it cannot be asked
    ("JobId=80 JobName=x\n", None),
    ("JobId=80 ArrayJobId=779 ArrayTaskId=2 JobName=x\n", None),
  ],
)
def test_a_job_that_an_array_submitted_is_no_part_of_it(told, expected):
  """It inherits the variables: as seen with SLURM 22.05."""
  variables = _array(2, count=8) | {"SLURM_JOB_ID": "80"}
  asked = lambda job: told if job == "80" else ""
  assert chosen_shard(None, str, variables, asked) == expected


def test_slurm_is_asked(tmp_path, monkeypatch):
  program = tmp_path / "scontrol"
  program.write_text('#!/bin/sh\n[ "$*" = "show job 80" ] && echo JobId=80\n')
  program.chmod(0o755)
  variables = _array(2, count=8) | {"SLURM_JOB_ID": "80"}
  monkeypatch.setenv("PATH", str(tmp_path))
  assert chosen_shard(None, str, variables) is None
  assert chosen_shard(None, str, variables | {"SLURM_JOB_ID": "81"}) == (2, 8)
  assert chosen_shard(None, str, variables | {"SLURM_JOB_ID": "x"}) == (2, 8)
  program.unlink()
  assert chosen_shard(None, str, variables) == (2, 8)


@pytest.mark.parametrize(
  ("given", "variables"),
  [
    *(
      (text, {}) for text in ("0/8", "9/8", "3", "/", "a/b", "-1/8", "1/0", "", "1/2/3")
    ),
    ("²/8", {}),
    (None, _array(3, count=3, least=1, most=7)),  # --array=1,3,7
    (None, _array(2, count=3, least=1, step=2)),
    (None, _array(1, count=8) | {"SLURM_ARRAY_TASK_COUNT": ""}),
    (None, _array("x", count=8)),
    (None, _array(1, count=8) | {"SLURM_ARRAY_TASK_STEP": "0"}),
  ],
)
def test_no_part(given, variables):
  with pytest.raises(InputError, match="shard"):
    chosen_shard(given, print, variables)


def test_parts_then_the_same_command(command, tmp_path, monkeypatch):  # noqa: F811
  (tmp_path / "runs").write_text("in the way of --out")
  code, out, err = command(MODELS, *METRICS, "--shard=2/2", "--format=json")
  assert code == 0, err
  assert out == ""
  assert "Part 2/2: 1 model (digits/mlp_random)" in err
  assert (
    "Part 2/2 is done: worked off 2 models (digits/mlp_random, digits/mlp_su" in err
  )
  for name, value in _array(0, count=2, least=0).items():
    monkeypatch.setenv(name, value)
  code, out, err = command(MODELS, *METRICS)
  assert code == 0, err
  assert "--shard=1/2, as task 0 of the SLURM array 77" in err
  assert "Part 1/2 is done: worked off 0 models\n" in out
  last = out.rstrip().splitlines()[-1]
  assert last.startswith("When all parts have ended, conclude by: lead-rank digits ")
  assert "--shard" not in last
  assert (tmp_path / "runs").read_text() == "in the way of --out"
  (tmp_path / "runs").unlink()
  code, out, err = command(MODELS, *METRICS, "--shard=all")
  assert code == 0, err
  assert err.count("scores from the store") == 2
  report = json.loads((tmp_path / "runs" / "digits" / "report.json").read_text())
  assert report["complete"]
  assert all(row["cached"] for row in report["scores"])


def test_a_wrong_part_is_one_line(command):  # noqa: F811
  code, out, err = command(MODELS, *METRICS, "--shard=9/8")
  assert (code, out) == (2, "")
  assert err == (
    "lead-rank: --shard=9/8: write i/n, the i-th of n parts, from 1/n to n/n, or all\n"
  )


def test_a_model_that_fails_is_said(command):  # noqa: F811
  code, out, err = command(
    "--models=digits/mlp_random,features:none.npz", *METRICS, "--shard=1/1"
  )
  assert code == 0, err
  assert "Failed, for the reasons above: 1 model (features:none.npz)\n" in out
