"""Which part is read, whatever it is called."""

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._parts import check_classes, choose_parts, part_kind


@pytest.mark.parametrize(
  ("names", "split", "expected"),
  [
    ((), "train", ((), "all")),
    ((), "all", ((), "all")),
    (("full",), "train", ((), "all")),
    (("train",), "train", (("train",), "train")),
    (("train",), "all", (("train",), "all")),
    (("test", "train"), "all", (("train", "test"), "all")),
    (("Training", "VALID"), "test", (("VALID",), "test")),
    (("test", "train", "validation"), "test", (("test",), "test")),
    (
      ("test", "train", "validation", "unlabelled"),
      "all",
      (("train", "validation", "test"), "all"),
    ),
  ],
)
def test_choice(names, split, expected):
  assert choose_parts(names, split, "x") == expected


@pytest.mark.parametrize(
  ("names", "split", "message"),
  [
    ((), "test", "x has no test part, it is not divided"),
    (("train",), "test", "x has no test part; it has: train"),
    (("val", "test"), "train", "x has no train part; it has: test, val"),
    (("train",), "dev", "x: split 'dev' is not one of"),
  ],
)
def test_refusal(names, split, message):
  with pytest.raises(InputError, match=message):
    choose_parts(names, split, "x")


@pytest.mark.parametrize(
  ("kind", "names"),
  [
    (0, "train Train TRAINING training_set Training-Set train_data trainset"),
    (1, "test TEST testing test_set testset Test_Images"),
    (2, "val valid Validation validation_set valset dev DEV devset eval evaluation"),
    (None, "trains detrain tests valley development2 train2017 set data tr dev_tools"),
  ],
)
def test_names_of_parts(kind, names):
  assert {part_kind(name) for name in names.split()} == {kind}
  assert part_kind("training set") == 0


def test_classes():
  check_classes(np.array([0, 0, 1, 1]), ("a", "b"), "x", "samples", "add some")
  with pytest.raises(InputError, match="x has only one class, 'a'"):
    check_classes(np.array([0, 0]), ("a",), "x", "samples", "add some")
  with pytest.raises(InputError, match=r"class 'b' has only one of .*: add some"):
    check_classes(np.array([0, 0, 1]), ("a", "b"), "x", "samples", "add some")
