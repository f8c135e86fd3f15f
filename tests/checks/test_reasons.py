"""Why a row has no score is a sentence, whoever raised what."""

import jax.numpy as jnp
import pytest

from lead_jax.checks import InputError, check_features, reason


def raised(function):
  try:
    function()
  except BaseException as error:  # what a stranger's code may end with
    return error
  raise AssertionError("it was to raise")


class _Mute(Exception):
  def __str__(self):
    raise RuntimeError("no text")


def _raise(error):
  raise error


@pytest.mark.parametrize(
  ("function", "expected"),
  [
    (
      lambda: {}[99],
      "metric 'm' raised KeyError: there is no 99 at test_reasons.py, line",
    ),
    (
      lambda: _raise(AssertionError()),
      "raised AssertionError without a text at test_r",
    ),
    (lambda: _raise(_Mute()), "raised _Mute without a text at test_reasons.py"),
    (lambda: 1 / 0, "raised ZeroDivisionError: division by zero at test_reasons.py"),
    (lambda: _raise(MemoryError()), "ran out of memory: use fewer images"),
    (lambda: _raise(RecursionError("x")), "reached Python's recursion limit"),
    (lambda: _raise(SystemExit(3)), "ended Python with exit code 3"),
    (lambda: _raise(ValueError("a\n\nb")), "raised ValueError: a b at"),
    (lambda: _raise(RuntimeError("\x1b[2Jclear\x07")), "RuntimeError: ?[2Jclear? at"),
    (lambda: jnp.zeros(3) @ jnp.zeros(4), "raised TypeError: dot_general requires"),
    (
      lambda: _raise(RuntimeError("RESOURCE_EXHAUSTED: of 9 bytes")),
      "ran out of memory",
    ),
  ],
)
def test_it_says_what_failed_where_and_what_to_do(function, expected):
  said = reason(raised(function), "metric 'm'")
  assert expected in said
  assert said.startswith("metric 'm' ")
  assert len(said.splitlines()) == 1
  assert said.isprintable()


def test_our_own_sentences_stay_as_they_are():
  assert reason(InputError("a.onnx is broken: fetch it"), "x") == (
    "a.onnx is broken: fetch it"
  )
  said = reason(raised(lambda: check_features([1, 2])), "x")
  assert said.startswith("features must have shape [N, D]")


def test_of_a_compiler_s_pages_the_first_line_is_kept():
  error = RuntimeError("INTERNAL: it broke\n" + "detail " * 1000)
  said = reason(error, "metric 'm'")
  assert "INTERNAL: it broke" in said
  assert "detail" not in said
  assert len(reason(RuntimeError("x" * 9999), "m")) < 400
