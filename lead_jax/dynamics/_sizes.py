"""How many samples may be compared with one another at once."""

from lead_jax.checks import InputError, check_arguments

# N x N matrices of this many samples take some gigabytes, and a decomposition minutes.
MAX_SAMPLES = 10_000

# Arrays as large as the matrix that are there at a time, about.
_MATRICES = 8


@check_arguments()
def refuse_many_samples(count: int, what: str, *, most: int = MAX_SAMPLES) -> None:
  """Refuses N x N matrices that would not fit in memory.

  The bound is a number of samples, not of bytes, so that the same call does the same on
  every machine.

  Args:
    count: N.
    what: What needs the matrix, for people.
    most: The largest N that is allowed.

  Raises:
    InputError: If `count` is above `most`.
  """
  if count > most:
    gigabytes = _MATRICES * 4 * count**2 / 1e9
    raise InputError(
      f"{what} compares all of {count:,} samples with one another, which takes about "
      f"{gigabytes:,.0f} GB: give at most {most:,}; the metrics of lead_jax.score draw "
      "parts of that size (option samples)"
    )
