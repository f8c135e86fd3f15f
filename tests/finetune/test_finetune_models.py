"""Models in turn, and the tables that they leave."""

import csv
import dataclasses
import io
import json
import pathlib
import subprocess
import sys

import pytest

from lead_jax import evaluation
from lead_jax.backbones._backbone import ModelSpec
from lead_jax.checks._errors import InputError
from lead_jax.data import divide_dataset
from lead_jax.finetune import _truth_tables as tables
from lead_jax.finetune._finetune_models import as_text, finetune_models
from lead_jax.finetune._grid import Outcome
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._task import make_target
from lead_jax.report._bars import Lines
from lead_jax.report._finetune_progress import FinetuneProgress
from lead_jax.system import UnwrittenError
from tests.finetune.small import dataset, network, protocol, target


def test_damaged_tables_are_one_line(tmp_path):
  (tmp_path / "runs.jsonl").write_text('{"key": "a"}\n{"ke')
  with pytest.raises(InputError, match=r"runs.jsonl cannot be read \(.*line 2"):
    tables.Runs(tmp_path)
  (tmp_path / "ground_truth.csv").write_text("a,b\n1,2\n")
  with pytest.raises(InputError, match="is not a ground-truth file"):
    tables.Truth(tmp_path / "ground_truth.csv", overwrite=False)


def test_weights_that_are_brought_are_told_of(tmp_path):
  stream = io.StringIO()
  to = FinetuneProgress(Lines(stream, interval=0.0))

  def fetch(told):
    told(3_000_000, 0)
    told(3_000_000, 9_000_000)
    raise InputError("no network")

  spec = ModelSpec(name="far", load=lambda: pytest.fail("not here yet"), fetch=fetch)
  outcomes = finetune_models(
    [spec],
    target(),
    protocol(),
    out=tmp_path,
    checkpoint_dir=tmp_path,
    overwrite=False,
    listener=to,
  )
  assert outcomes[0].status == "no network"
  assert stream.getvalue() == (
    "[1/1] far: 3 MB of its weights\n[1/1] far: 3 of 9 MB of its weights\n"
    "warning: far: no network\n"
  )


def test_a_result_without_accuracy_is_said():
  outcomes = [Outcome("a", "d", "every setting diverged")]
  assert as_text(outcomes, "top1") == "a: failed: every setting diverged"


ROOT = pathlib.Path(__file__).resolve().parents[2]
ADD = """
import pathlib, sys
from lead_jax.finetune import _truth_tables as tables
out, name = pathlib.Path(sys.argv[1]), sys.argv[2]
truth, runs = tables.Truth(out / "ground_truth.csv", overwrite=False), tables.Runs(out)
print("ready", flush=True)
sys.stdin.readline()
for i in range(5):
  model = f"{name}{i}"
  row = dict.fromkeys(tables.TRUTH_COLUMNS, "1")
  runs.add(model, "d", [{"key": "k", "model": model, "dataset": "d"}])
  truth.add({**row, "model": model, "dataset": "d"})
"""


def test_processes_that_share_a_folder_lose_no_row(tmp_path):
  def started(name):
    command = [sys.executable, "-c", ADD, str(tmp_path), name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)

  adding = [started(name) for name in "abc"]
  assert [process.stdout.readline() for process in adding] == ["ready\n"] * 3
  for process in adding:
    process.stdin.write("\n")
    process.stdin.flush()
  for process in adding:
    process.communicate(timeout=120)
    assert process.returncode == 0
  models = {f"{name}{i}" for name in "abc" for i in range(5)}
  for name in ("ground_truth.csv", "runs.csv"):
    with open(tmp_path / name, encoding="utf-8", newline="") as file:
      assert {row["model"] for row in csv.DictReader(file)} == models
  lines = (tmp_path / "runs.jsonl").read_text().splitlines()
  assert {json.loads(line)["model"] for line in lines} == models
  assert {path.name for path in tmp_path.iterdir()} == {
    "ground_truth.csv",
    "runs.csv",
    "runs.jsonl",
  }


def test_another_process_row_of_other_settings_is_not_replaced(tmp_path):
  path = tmp_path / "ground_truth.csv"
  row = dict.fromkeys(tables.TRUTH_COLUMNS, "1") | {"model": "m", "dataset": "d"}
  late = tables.Truth(path, overwrite=False)
  tables.Truth(path, overwrite=False).add(row)
  with pytest.raises(InputError, match="found with other settings"):
    late.refuse_other(["m"], "d", "2")
  with pytest.raises(InputError, match="found with other settings"):
    late.add({**row, "settings": "2"})
  late.add({**row, "accuracy": "2"})
  tables.Truth(path, overwrite=True).add({**row, "settings": "2"})


def test_a_name_from_outside_stays_in_the_folder(tmp_path):
  name = "../../evil/\x1b[31m"
  whole = dataclasses.replace(dataset("train", 90, 1), name=name)
  division = divide_dataset(whole, test_fraction=0.3, seed=0)
  out = tmp_path / "a" / "out"
  outcomes = finetune_models(
    [ModelSpec(name="../m", load=lambda: network("../m"))],
    make_target(division.train, division.test, division=division),
    protocol(epochs=1),
    out=out,
    checkpoint_dir=out / "runs",
    overwrite=False,
    listener=Listener(),
  )
  assert outcomes[0].status == "ok"
  assert list(tmp_path.iterdir()) == [tmp_path / "a"]
  assert list((tmp_path / "a").iterdir()) == [out]
  stem = ".._.._evil___31m"
  assert [path.name for path in (out / "splits").iterdir()] == [f"{stem}.json"]
  assert (out / "logits" / stem / ".._m.0.npz").is_file()


def test_models_whose_names_differ_in_case_share_no_file(tmp_path):
  specs = [
    ModelSpec(name, lambda name=name: dataclasses.replace(network(), name=name))
    for name in ("net/a", "Net_A")
  ]
  listener = Listener()
  options = {"checkpoint_dir": tmp_path / "runs", "overwrite": False}
  options |= {"out": tmp_path, "listener": listener}
  finetune_models(specs, target(), protocol(epochs=1), **options)
  (folder,) = (tmp_path / "logits").iterdir()
  names = sorted(path.name for path in folder.iterdir())
  assert len({name.casefold() for name in names}) == 2
  assert "net_a.0.npz" in names
  finetune_models(specs[1:], target(), protocol(epochs=1), **options)  # the same names
  assert sorted(path.name for path in folder.iterdir()) == names


def test_a_full_disk_costs_no_accuracy(tmp_path, monkeypatch):
  said = []

  class Told(Listener):
    def unwritten(self, message):
      said.append(message)

  def full(self, row):
    raise UnwrittenError("cannot write the table (No space left on device)")

  monkeypatch.setattr(tables.Truth, "add", full)
  (outcome,) = finetune_models(
    [ModelSpec("a", network)],
    target(),
    protocol(epochs=1),
    out=tmp_path,
    checkpoint_dir=tmp_path,
    overwrite=False,
    listener=Told(),
  )
  assert outcome.status == "ok"
  assert said == ["cannot write the table (No space left on device)"]


def test_names_that_a_spreadsheet_would_compute_come_back(tmp_path):
  row = dict.fromkeys(tables.TRUTH_COLUMNS, "") | {"accuracy": "50", "dataset": "d"}
  truth = tables.Truth(tmp_path / "truth.csv", overwrite=False)
  names = ["=1+1", "@a", "-b", "plain"]
  for name in names:
    truth.add({**row, "model": name})
  text = (tmp_path / "truth.csv").read_text()
  assert [line.split(",")[0] for line in text.splitlines()[1:]] == [
    "'=1+1",
    "'@a",
    "'-b",
    "plain",
  ]
  assert list(evaluation.ground_truth_table(text)["d"]) == names
  again = tables.Truth(tmp_path / "truth.csv", overwrite=True)
  again.add({**row, "model": "=1+1"})
  assert (tmp_path / "truth.csv").read_text() == text
