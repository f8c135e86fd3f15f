"""Which part of a run a process is to do: `--shard`, or its place in a SLURM array."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from absl import flags

from lead_jax.checks import InputError, command_line, parameter, shown, visible

if TYPE_CHECKING:
  from lead_jax.system import Worked

Shard = tuple[int, int]

# Of SLURM's variables, those of an array: sbatch sets all of them, in arrays alone.
_ARRAY = "SLURM_ARRAY_JOB_ID"
_TASK = "SLURM_ARRAY_TASK_ID"
_NUMBERS = ("ID", "MIN", "MAX", "COUNT")
# That SLURM is waited for.
_MOST_SECONDS = 20
# Models that are named.
_MOST_NAMES = 8
_WHOLE = re.compile(r"[0-9]{1,9}")


def chosen_shard(
  given: str | None,
  say: Callable[[str], object],
  variables: Mapping[str, str] = os.environ,
  ask: Callable[[str], str] | None = None,
) -> Shard | None:
  """Returns which part is asked for: `(i, n)`, from 1; None for the whole run.

  Args:
    given: The value of `--shard`: `i/n`, or `all`. None for the process's place in the
      SLURM array that it belongs to, if it does.
    say: Told, in one line, that the part is SLURM's.
    variables: Of the process's environment.
    ask: Returns what SLURM says of a job, "" where it cannot be asked; by `scontrol` if
      None.

  Raises:
    InputError: If it is none, or the array's numbers are not evenly spaced.
  """
  if given == "all":
    return None
  if given is not None:
    return _read(given)
  if not variables.get(_ARRAY):
    return None  # whatever else is set comes from a job that is no array
  # A job that a task of an array submits inherits the variables of the array.
  known = (ask or _said_by_slurm)(variables.get("SLURM_JOB_ID", ""))
  if known and not re.search(rf"\bArrayJobId={re.escape(variables[_ARRAY])}\b", known):
    return None
  number, count = _of_array(variables)
  say(
    f"--shard={number}/{count}, as task {variables[_TASK]} of the SLURM array "
    f"{shown(variables[_ARRAY], most=20)}; --shard=all does all"
  )
  return number, count


def whole_command(
  name: str, values: flags.FlagValues, arguments: Sequence[str] = ()
) -> str:
  """Returns the command line of the whole run, all flags written in one way.

  Args:
    name: Of the command.
    values: Its flags; `--shard` is left out.
    arguments: Beside the flags.
  """
  given = [values[name] for name in values if values[name].present and name != "shard"]
  lines = [line for flag in given for line in flag.serialize().splitlines()]
  return command_line([name, *arguments, *lines])


def said_of_part(shard: Shard, worked: "Worked", command: str) -> list[str]:
  """Returns what a part has done, in lines, and how the run is concluded.

  Args:
    shard: Which part.
    worked: What it has done.
    command: Without `--shard`.
  """
  lines = [f"Part {shard[0]}/{shard[1]} is done: worked off {_named(worked.done)}"]
  if worked.failed:
    lines.append(f"Failed, for the reasons above: {_named(worked.failed)}")
  if worked.elsewhere:
    lines.append(f"Other processes are still at {_named(worked.elsewhere)}")
  lines.append(f"When all parts have ended, conclude by: {command}")
  return [visible(line) for line in lines]


def _named(models: Sequence[str]) -> str:
  more = len(models) - _MOST_NAMES
  names = ", ".join(models[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
  return f"{len(models)} model{'' if len(models) == 1 else 's'}" + (
    f" ({names})" if names else ""
  )


def _read(text: str) -> Shard:
  number, slash, count = text.partition("/")
  whole = bool(slash and _WHOLE.fullmatch(number) and _WHOLE.fullmatch(count))
  if not whole or not 1 <= int(number) <= int(count):
    raise InputError(
      f"{parameter('shard', shown(text, most=40))}: write i/n, the i-th of n parts, from "
      "1/n to n/n, or all"
    )
  return int(number), int(count)


def _said_by_slurm(job: str) -> str:
  """What SLURM says of a job; "" where it cannot be asked, as inside a container."""
  if not _WHOLE.fullmatch(job):
    return ""
  import subprocess

  command = ["scontrol", "show", "job", job]
  try:
    done = subprocess.run(
      command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=True
    )
  except (OSError, ValueError, subprocess.SubprocessError):
    return ""
  return done.stdout


def _of_array(variables: Mapping[str, str]) -> Shard:
  """The place of a task in its array: by its number, whatever numbers the array has."""
  texts = {name: variables.get(f"SLURM_ARRAY_TASK_{name}", "") for name in _NUMBERS}
  texts["STEP"] = variables.get("SLURM_ARRAY_TASK_STEP") or "1"
  if all(_WHOLE.fullmatch(text) for text in texts.values()) and int(texts["STEP"]):
    n = {name: int(text) for name, text in texts.items()}
    number, between = divmod(n["ID"] - n["MIN"], n["STEP"])
    last, over = divmod(n["MAX"] - n["MIN"], n["STEP"])
    if not between and not over and 0 <= number < n["COUNT"] == last + 1:
      return number + 1, n["COUNT"]
  said = ", ".join(f"{name} {shown(text, most=20)!r}" for name, text in texts.items())
  raise InputError(
    f"the SLURM array does not say which part this is (SLURM_ARRAY_TASK_...: {said}): "
    f"give its tasks evenly spaced numbers, as --array=1-8, or {parameter('shard')}=i/n "
    f"or {parameter('shard', 'all')}"
  )
