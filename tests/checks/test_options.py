"""Options: numbers are numbers in the precision that mathematics computes in."""

import dataclasses

import pytest

from lead_jax import score
from lead_jax.checks import Options, option
from lead_jax.dynamics import LeadConfig


@dataclasses.dataclass(frozen=True)
class Own(Options):
  rate: float = option(1.0, least=0.0, help="A rate.")
  rates: tuple[float, ...] = option((1.0,), help="Rates.")


@pytest.mark.parametrize("value", [1e300, 4e38, 1e-300, 1e-40])
def test_numbers_beyond_32_bits_are_refused(value):
  with pytest.raises(ValueError, match=r"rate must be 0 or between 1\.2e-38 and 3\.4e"):
    Own(rate=value)
  with pytest.raises(ValueError, match="rates must be 0 or between"):
    Own(rates=(1.0, -value))


@pytest.mark.parametrize("value", [0.0, 3e38, 2e-38, 7])
def test_numbers_of_32_bits_are_taken(value):
  assert Own(rate=value).rate == value


def test_heads_have_a_size_that_there_is_memory_for():
  with pytest.raises(ValueError, match="hidden must hold whole numbers, each in"):
    LeadConfig(hidden=(10**7, 10**7))


def test_a_score_that_an_option_spoils_says_so():
  rows = [[0.0, 1.0], [1.0, 0.5], [0.2, 2.0], [3.0, 1.0]]
  with pytest.raises(ValueError, match=r"with lam=1e\+38 is -inf .* bring options or"):
    score("pactran_gauss", rows, [0, 1, 0, 1], lam=1e38)
