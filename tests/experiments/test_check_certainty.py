"""Whether intervals hold: the check itself, on small data of known spread."""

import re

import pytest

from experiments import check_certainty

MODELS = "--models=digits/mlp_random,digits/conv_random,digits/mlp_supervised"


@pytest.fixture
def command(tmp_path, capsys):
  def run(*arguments):
    code = check_certainty.run(
      ["check_certainty", f"--cache_dir={tmp_path}", *arguments]
    )
    return code, *capsys.readouterr()

  return run


def test_the_table(command):
  code, out, err = command(
    MODELS, "--metrics=nearest_centroid", "--images=100", "--samples=6"
  )
  assert code == 0, err
  (line,) = [line for line in out.splitlines() if line.startswith("nearest_centroid")]
  score, low, high, *_ = map(float, re.findall(r"[\d.]+", line))
  assert low <= score <= high
  assert low > 0.3  # the guess is of the right size, whatever six samples say
  assert high < 4
  said, was, in_group = map(float, line.split()[-3:])
  assert 0 <= said <= 1
  assert was in (0, 0.17, 0.33, 0.5, 0.67, 0.83, 1)
  assert in_group >= was
  assert "3 networks on 6 data sets of 100 of the 536 images of digits" in out


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--images=500"], "more than half of the 536 images"),
    (["--images=100", "--models=digits/mlp_random"], "at least two models"),
    (["--images=100", "--metrics=etran"], "etran compares models with each other"),
  ],
)
def test_wrong_input_is_one_line(command, arguments, message):
  code, out, err = command(*arguments)
  assert code == 2
  assert not out
  assert err.startswith("experiments.check_certainty: ")
  assert message in err.strip().splitlines()[0]
