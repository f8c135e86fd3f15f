"""Arrays of any library become NumPy's, or one line says why not."""

import numpy as np
import pytest

from lead_jax.checks import InputError, check_inputs, plain_array

X = np.arange(12, dtype=np.float32).reshape(4, 3)


class _Broken:
  def __array__(self, *args, **kwargs):
    raise RuntimeError("no\narray")


@pytest.mark.parametrize(
  ("value", "message"),
  [
    (None, "x must be an array of numbers, got None"),
    ("abc", "got str 'abc'"),
    ({"a": 1}, "got dict"),
    ({1}, "got set"),
    (np.ma.array(X, mask=X > 9), "x is a masked array with 2 masked values"),
    ([[1, 2], [3]], "x cannot be made an array"),
    (_Broken(), "x cannot be made an array .no array"),
  ],
)
def test_refuses(value, message):
  with pytest.raises(InputError, match=message) as raised:
    plain_array(value, "x")
  assert len(str(raised.value).splitlines()) == 1


def test_a_sparse_matrix_is_named():
  sparse = pytest.importorskip("scipy.sparse")
  with pytest.raises(InputError, match="x are a sparse matrix"):
    plain_array(sparse.csr_matrix(X), "x")


def test_a_mask_that_hides_nothing_is_none():
  np.testing.assert_array_equal(plain_array(np.ma.array(X, mask=False), "x"), X)


def test_tensors_are_taken_as_they_are():
  torch = pytest.importorskip("torch")
  tensor = torch.tensor(X, requires_grad=True)
  np.testing.assert_array_equal(plain_array(tensor, "x"), X)
  np.testing.assert_array_equal(plain_array(tensor.bfloat16(), "x"), X)
  labels = torch.tensor([0, 1, 0, 1])
  assert check_inputs(tensor, labels).labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("labels", [{0: 1, 1: 2}, {0, 1}, "abab", None, 3])
def test_labels_have_an_order(labels):
  with pytest.raises(InputError, match="labels must be a list or an array"):
    check_inputs(X, labels)
