"""How scripts read flags of their own, and end: help, one line on what is wrong, codes."""

import sys
from collections.abc import Callable, Sequence

from absl import flags

from lead_jax.checks import InputError


def read_flags(values: flags.FlagValues, doc: str | None, argv: Sequence[str]) -> bool:
  """Reads a command line; returns whether there is anything to do after it.

  Args:
    values: The script's own, so that importing it leaves the process-wide flags alone.
    doc: The script's docstring, which `--help` prints before the flags.
    argv: The program's name first.

  Raises:
    InputError: If a flag is unknown or wrong, or there is an argument that is none.
  """
  if any(arg in ("-h", "-help", "--help") for arg in argv[1:]):
    print(f"{doc}\nFlags:\n{values.get_help()}")
    return False
  try:
    rest = values(list(argv))[1:]
  except flags.Error as error:
    raise InputError(f"{' '.join(str(error).split())}; see --help") from error
  if rest:
    raise InputError(f"unknown argument {rest[0]!r}; see --help")
  return True


def run_script(
  values: flags.FlagValues,
  name: str,
  doc: str | None,
  work: Callable[[], str],
  argv: Sequence[str],
) -> int:
  """Reads the flags, does the work and prints its text; returns the exit code.

  Args:
    values: The script's own flags.
    name: Of the script.
    doc: Its docstring.
    work: Returns what is to be printed.
    argv: The program's name first.
  """
  try:
    if read_flags(values, doc, argv):
      print(work(), end="")
  except InputError as error:
    print(f"experiments.{name}: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    again = "run the same command again to go on from here"
    print(f"experiments.{name}: interrupted; {again}", file=sys.stderr)
    return 130
  return 0
