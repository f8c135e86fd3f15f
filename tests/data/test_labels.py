"""Labels of any kind become dense ids, and nothing else does."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lead_jax.checks._errors import InputError
from lead_jax.checks._inputs import check_inputs
from lead_jax.checks._labels import encode_labels


def test_integers_keep_numeric_order():
  ids, names = encode_labels([10, 2, -3, 2])
  assert ids.dtype == np.int32
  assert ids.tolist() == [2, 1, 0, 1]
  assert names == ("-3", "2", "10")


@pytest.mark.parametrize(
  "labels",
  [
    ["rose", "tulip", "rose"],
    np.array(["rose", "tulip", "rose"]),
    np.array([b"rose", b"tulip", b"rose"]),
    np.array(["rose", "tulip", "rose"], dtype=object),
  ],
)
def test_strings(labels):
  ids, names = encode_labels(labels)
  assert ids.tolist() == [0, 1, 0]
  assert names == ("rose", "tulip")


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=30))
def test_names_give_back_the_labels(labels):
  ids, names = encode_labels(labels)
  assert [int(names[i]) for i in ids] == labels
  assert sorted(set(ids.tolist())) == list(range(len(names)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, ">i4"])
def test_any_integer_type(dtype):
  ids, names = encode_labels(np.array([7, 3, 7], dtype))
  assert ids.tolist() == [1, 0, 1]
  assert names == ("3", "7")


@pytest.mark.parametrize(
  "labels",
  [
    [1.0, 2.0],
    np.array([1.0, np.nan]),
    [1, None],
    ["a", None],
    [None, None],
    [1, "a"],
    ["a", 1],
    [True, False],
    np.array([True, False]),
    np.array([1, None], dtype=object),
    np.zeros((2, 1), int),
    [],
    np.array(3),
  ],
)
def test_refuses(labels):
  with pytest.raises(InputError, match="labels") as caught:
    encode_labels(labels)
  assert "\n" not in str(caught.value)


def test_two_spellings_of_a_name_are_one_class():
  composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
  ids, names = encode_labels([apart, "bar", composed, "zoo"])
  assert names == ("bar", composed, "zoo")
  assert ids.tolist() == [1, 0, 1, 2]


def test_masked_values_are_refused():
  features = np.ma.array(np.eye(4), mask=np.eye(4, k=1, dtype=bool))
  labels = np.ma.array([0, 1, 0, 1], mask=[0, 0, 1, 0])
  with pytest.raises(InputError, match="features is a masked array with 3 masked"):
    check_inputs(features, [0, 1, 0, 1])
  for refused in (
    lambda: check_inputs(np.eye(4), labels),
    lambda: encode_labels(labels),
  ):
    with pytest.raises(InputError, match="labels is a masked array with 1 masked"):
      refused()
  whole = np.ma.array(np.eye(4), mask=False)
  np.testing.assert_array_equal(check_inputs(whole, [0, 1, 0, 1]).features, np.eye(4))
