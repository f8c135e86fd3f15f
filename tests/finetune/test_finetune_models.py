"""Models in turn, and the tables that they leave."""

import io

import pytest

from lead_jax.backbones._backbone import ModelSpec
from lead_jax.checks._errors import InputError
from lead_jax.finetune import _truth_tables as tables
from lead_jax.finetune._finetune_models import as_text, finetune_models
from lead_jax.finetune._grid import Outcome
from lead_jax.report._bars import Lines
from lead_jax.report._finetune_progress import FinetuneProgress
from tests.finetune.small import protocol, target


def test_damaged_tables_are_one_line(tmp_path):
  (tmp_path / "runs.jsonl").write_text('{"key": "a"}\n{"ke')
  with pytest.raises(
    InputError, match=r"runs.jsonl cannot be read \(JSONDecodeError\)"
  ):
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
