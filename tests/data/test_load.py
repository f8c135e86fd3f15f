"""Specs: each kind reaches its loader, and an unknown one says what is possible."""

import os

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._load import load_dataset


def test_kinds(make_folder, tmp_path):
  assert load_dataset("digits", split="test").name == "digits"
  root = make_folder({"a": 2, "b": 2})
  assert load_dataset(str(root)).class_names == ("a", "b")
  assert load_dataset(root, memory_budget=0, threads=1).class_names == ("a", "b")
  np.savez(tmp_path / "x.npz", features=np.eye(4), labels=[0, 0, 1, 1])
  assert load_dataset(f"npz:{tmp_path}/x.npz").features.shape == (4, 4)


def test_home_is_expanded(make_folder, monkeypatch):
  monkeypatch.setenv("HOME", os.fspath(make_folder({"a": 2, "b": 2}).parent))
  assert len(load_dataset("~/photos")) == 4


def test_a_folder_called_digits_is_reached_by_its_path(make_folder, monkeypatch):
  monkeypatch.chdir(make_folder({"a": 2, "b": 2}, "digits").parent)
  assert load_dataset("./digits").class_names == ("a", "b")
  assert load_dataset("digits").class_names == ("5", "6", "7", "8", "9")


@pytest.mark.parametrize(
  ("spec", "message"),
  [
    ("digts", "nearest: digits"),
    ("tdfs:mnist", "nearest: tfds:mnist"),
    ("nzp:a.npz", "nearest: npz:a.npz"),
    ("fotos", "nearest: photos"),
    ("s3://bucket", r"can be a folder .* digits, tfds:NAME, npz:FILE or "),
    ("aircaft:x", "nearest: aircraft:x"),
    ("no/such/place", r"can be a folder"),
    ("", "no data set ''"),
  ],
)
def test_unknown(make_folder, monkeypatch, spec, message):
  monkeypatch.chdir(make_folder({"a": 2, "b": 2}).parent)
  with pytest.raises(InputError, match=message) as caught:
    load_dataset(spec)
  assert "\n" not in str(caught.value)


def test_unknown_split():
  with pytest.raises(InputError, match="split 'dev' is not one of train, test, all"):
    load_dataset("digits", split="dev")
