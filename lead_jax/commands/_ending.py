"""How every command begins and ends: help, one line on what is wrong, exit codes.

0: done. 1: the reader of a pipe went away. 2: a flag or an input is wrong, or something
failed or could not be written; one line says what and what to do. 128 + N: stopped by
signal N, after what was done had been written: 130 by Ctrl-C (SIGINT), 143 by a batch
system (SIGTERM), 129 by a terminal that went away (SIGHUP).
"""

import math
from collections.abc import Callable, Sequence

from absl import flags

from lead_jax.checks import (
  InputError,
  name_flags,
  naming_flags,
  parameter,
  shown,
  visible,
)
from lead_jax.commands._signals import exit_code, stoppable
from lead_jax.commands._stdout import (
  UnprintedError,
  complain,
  flush_streams,
  open_streams,
  print_text,
)

# Of a flag, with its dashes.
_LONGEST_NAME = 60
INTERRUPTED = "interrupted; run the same command again to go on from here"


def end_well(name: str, work: Callable[[], int]) -> int:
  """Does a command's work; returns the exit code.

  SIGTERM, which batch systems send, and SIGHUP stop the work as Ctrl-C does.

  Args:
    name: Of the command, which stands before what is wrong.
    work: Returns the exit code.
  """
  open_streams()
  try:
    code = _done(name, work)
  except UnprintedError as error:
    flush_streams()
    return _unread(name, error.reason)
  except BrokenPipeError as error:  # of a work that prints by itself
    flush_streams()
    return _unread(name, error)
  lost = flush_streams()
  return code if lost is None else _unread(name, lost)


def _done(name: str, work: Callable[[], int]) -> int:
  """The work's exit code, with one line where something is wrong."""
  try:
    with naming_flags(), stoppable():
      return work()
  except InputError as error:
    complain(f"{name}: {visible(name_flags(error.marked))}")
    return 2
  except KeyboardInterrupt as interrupt:
    complain(f"{name}: {INTERRUPTED}")
    return exit_code(interrupt)


def _unread(name: str, error: OSError) -> int:
  """The exit code of what was done and could not be printed."""
  if isinstance(error, BrokenPipeError):
    return 1  # the reader of a pipe has gone; it knows
  complain(
    f"{name}: cannot write to stdout ({error.strerror or error}): send it elsewhere"
  )
  return 2


def read_flags(
  values: flags.FlagValues,
  usage: str | None,
  argv: Sequence[str],
  *,
  arguments: int = 0,
) -> list[str] | None:
  """Reads a command line; returns its arguments, None where it asked for help.

  Args:
    values: The command's own flags, not the process-wide ones.
    usage: What help prints before the flags, a docstring perhaps.
    argv: The program's name first.
    arguments: How many there may be beside the flags.

  Raises:
    InputError: If a flag is unknown or wrong, or there are more arguments.
  """
  # A notebook or a test runs a command more than once in a process.
  values.unparse_flags()
  for name in values:
    values[name].unparse()
  if any(arg in ("-h", "-help", "--help") for arg in argv[1:]):
    print_text(f"{(usage or '').rstrip()}\n\nFlags:\n{values.get_help()}")
    return None
  for arg in argv[1:]:
    # The nearest flag of such a name would be sought for minutes, by recursion.
    if arg.startswith("-") and len(name := arg.partition("=")[0]) > _LONGEST_NAME:
      raise InputError(f"unknown flag {shown(name, most=40)}...; see --help")
  try:
    rest = values(list(argv))[1:]
  except flags.Error as error:
    raise InputError(f"{' '.join(str(error).split())}; see --help") from error
  for name in values:
    _check_number(name, values[name].value)
  if len(rest) > arguments:
    raise InputError(f"unknown argument {rest[arguments]!r}; see --help")
  return rest


def _check_number(name: str, value: object) -> None:
  """Refuses a flag's number that is not finite, or is a whole one beyond 64 bits."""
  if isinstance(value, float) and not math.isfinite(value):
    raise InputError(f"{parameter(name)} must be a finite number, got {value}")
  if isinstance(value, int) and abs(value) >= 2**63:
    raise InputError(f"{parameter(name)} must be a whole number that fits 64 bits")


def run_script(
  values: flags.FlagValues,
  name: str,
  usage: str | None,
  work: Callable[[], str],
  argv: Sequence[str],
) -> int:
  """Reads the flags, does the work and prints its text; returns the exit code.

  Args:
    values: The script's own flags.
    name: Of the script.
    usage: What help prints before the flags.
    work: Returns what is to be printed.
    argv: The program's name first.
  """

  def script() -> int:
    if read_flags(values, usage, argv) is not None:
      print_text(work().removesuffix("\n"))
    return 0

  return end_well(name, script)
