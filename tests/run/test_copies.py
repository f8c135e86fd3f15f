"""Copies in a run: what is said, kept and recorded, and what they would have changed."""

import numpy as np
import pytest
from PIL import Image

from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures
from lead_jax.checks import InputError
from lead_jax.results import Listener, read_report
from lead_jax.run import rank
from tests.run.small_models import tiny_spec


class Heard(Listener):
  def __init__(self):
    self.lines = []

  def warned(self, message):
    self.lines.append(message)


@pytest.fixture
def photos(tmp_path):
  """Noise, so that the only near neighbours are copies: two of each image in class a."""
  rng = np.random.default_rng(0)
  for name in "ab":
    (tmp_path / "photos" / name).mkdir(parents=True)
    for i in range(8):
      image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
      image.save(tmp_path / "photos" / name / f"{i}.png")
      if name == "a":
        image.save(tmp_path / "photos" / name / f"{i} again.png")
  return tmp_path / "photos"


def ranked(photos, tmp_path, **options):
  heard = Heard()
  models = [tiny_spec("one", 1), tiny_spec("two", 2)]
  report = rank(
    photos,
    models,
    "knn",
    cache_dir=tmp_path / "cache",
    listener=heard,
    resamples=0,
    **options,
  )
  return report, heard.lines


def test_copies_count_once_and_what_they_changed_is_said(photos, tmp_path):
  report, heard = ranked(photos, tmp_path, out=tmp_path / "out")
  kept, _ = ranked(photos, tmp_path, duplicates="keep")
  assert (report.dataset["samples"], kept.dataset["samples"]) == (16, 24)
  assert report.plan.key != kept.plan.key
  assert report.dataset["duplicates"]["left_out"] == 8
  assert "8 exact copies left out" in report.dataset["notes"]
  for row, other in zip(report.scores, kept.scores, strict=True):
    # What the detail says is the score of the run that keeps them.
    assert row.details["score_with_copies"] == pytest.approx(other.score)
    assert other.score > row.score
    assert "score_with_copies" not in other.details
  assert any("8 images are left out" in line for line in heard)
  (said,) = (
    line for line in heard if line.startswith("With the copies of one class, knn of ")
  )
  order, other = (one.ranking("knn") for one in (report, kept))
  if order == other:
    assert said.endswith("; the order of the models would be the same")
  else:
    first = next(name for name, was in zip(other, order, strict=True) if name != was)
    place = other.index(first) + 1
    assert f"; other places would be had by {first} {place}" in said
  again = read_report(tmp_path / "out")
  assert again == report
  assert said in again.warnings


def test_a_second_run_takes_it_from_the_store(photos, tmp_path):
  first, _ = ranked(photos, tmp_path)
  second, heard = ranked(photos, tmp_path)
  details = [
    [row.details["score_with_copies"] for row in report.scores]
    for report in (first, second)
  ]
  assert details[0] == details[1]
  assert sum(line.startswith("With the copies") for line in heard) == 1


def test_ready_features_follow(photos, tmp_path):
  rng = np.random.default_rng(0)
  labels = np.repeat(["a", "b"], (16, 8))
  features = rng.normal(size=(24, 4)).astype(np.float32)
  features[[1, 3]] = features[2]  # row 1 is a copy that is left out

  def loaded(rows):
    return lambda: ReadyFeatures("made", features[rows], labels[rows], "")

  whole, own = np.arange(24), np.r_[0:16:2, 16:24]
  found = []
  for rows in (whole, own):
    heard = Heard()
    report = rank(
      photos,
      [ModelSpec("made", loaded(rows))],
      "knn",
      cache_dir=tmp_path / str(len(rows)),
      listener=heard,
    )
    found.append(report.scores[0].score)
  assert found[0] == found[1]
  with pytest.raises(
    InputError, match="duplicates='first': expected one of once, keep"
  ):
    rank(photos, [ModelSpec("made", loaded(whole))], "knn", duplicates="first")


def test_equal_rows_of_given_features_are_said(tmp_path):
  features = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
  features[[3, 7]] = features[1]
  np.savez(tmp_path / "x.npz", features=features, labels=np.arange(12) % 2)
  report = rank(
    f"npz:{tmp_path / 'x.npz'}", metrics="knn", cache_dir=tmp_path / "cache"
  )
  (said,) = (line for line in report.warnings if "exact copies" in line)
  assert said.startswith("x: 2 rows are exact copies of others (rows 1 and 3)")
  assert report.dataset["samples"] == 12
