"""What a metric may return, and what of it is refused, named."""

import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.checks import InputError
from lead_jax.metrics import Metric, Problem, Spread, Value, evaluate_metric

PROBLEM = Problem(np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2)


def _of(value, **facts):
  return evaluate_metric(
    Metric("mine", lambda problem, options: value, **facts), PROBLEM
  )


def test_scalars_and_arrays_of_numpy_and_jax_become_plain():
  value = _of(
    Value(
      jnp.float32(0.5),
      details={1: np.float64(2.0), "a": jnp.arange(2), "b": {"c": (np.int64(3), None)}},
      spread=Spread(jnp.float32(0.25), "2 draws"),
      parts={"x": np.float32(1.5)},
    )
  )
  assert (value.score, type(value.score)) == (0.5, float)
  assert value.details == {"1": 2.0, "a": [0, 1], "b": {"c": [3, None]}}
  assert value.spread == Spread(0.25, "2 draws")
  assert value.parts == {"x": 1.5}


@pytest.mark.parametrize(
  ("value", "message"),
  [
    (Value(True), "'mine': score is True: give a number"),
    (Value("0.5"), "'mine': score is '0.5': give a number"),
    (Value(np.zeros(2)), "'mine': score is array"),
    (Value(1j), "'mine': score is 1j"),
    (Value(0.5, details=5), "'mine': details are 5: give a mapping"),
    (Value(0.5, details={"a": {1, 2}}), r"details\['a'\] is a set: give numbers"),
    (Value(0.5, details={"a": b"x"}), r"details\['a'\] is a bytes"),
    (Value(0.5, spread=3.0), "'mine': spread is 3.0: give a Spread"),
    (Value(0.5, status=None), "'mine': status is None: give a text"),
    (Value(0.5, parts={"x": "y"}), r"parts\['x'\] is 'y': give a number"),
  ],
)
def test_what_no_report_could_hold_is_named(value, message):
  with pytest.raises(InputError, match=message):
    _of(value)


def test_a_pool_rule_needs_parts():
  with pytest.raises(InputError, match="parts are None: pool= needs a mapping"):
    _of(Value(0.5), pool=lambda parts: [0.0])
