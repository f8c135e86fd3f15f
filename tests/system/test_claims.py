"""Claims: one living process has each; those of dead ones are taken over."""

import contextlib
import os
import subprocess
import sys

import pytest

from lead_jax.system import Claims, _claims as claims_module

KEY = "ab12"
ELSEWHERE = "00000000000000000007\nelsewhere 12 00000000 0123456789abcdef\n"


class Clock:
  def __init__(self):
    self.now = 0.0

  def __call__(self):
    return self.now


@pytest.fixture
def folder(tmp_path):
  return tmp_path / ".claims"


def test_one_has_it_and_gives_it_up(folder):
  with Claims(folder) as ours, Claims(folder) as theirs:
    with ours.holding(KEY) as mine:
      assert mine
      assert theirs.owner(KEY).endswith(f":{os.getpid()}")
      assert theirs.is_moving(KEY)  # its process is on this machine, and lives
      with theirs.holding(KEY) as other, theirs.holding("cd34") as free:
        assert not other
        assert free
    assert theirs.owner(KEY) == ""
    with theirs.holding(KEY) as mine:
      assert mine
  assert list(folder.iterdir()) == []


def test_an_error_inside_gives_it_up(folder):
  with Claims(folder) as claims:
    with pytest.raises(KeyboardInterrupt), claims.holding(KEY):
      raise KeyboardInterrupt
    assert list(folder.iterdir()) == []


def test_a_killed_process_has_nothing(folder):
  code = (
    "import os, signal, sys\n"
    "from lead_jax.system import Claims\n"
    "claims = Claims(sys.argv[1])\n"
    "held = [claims.holding(key) for key in ('ab12', 'cd34')]\n"
    "print([one.__enter__() for one in held])\n"
    "os.kill(os.getpid(), signal.SIGKILL)\n"
  )
  with Claims(folder) as claims:
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert len(list(folder.iterdir())) == 2
    assert not claims.is_moving(KEY)
    with claims.holding(KEY) as mine:
      assert mine
      assert claims.owner(KEY).endswith(f":{os.getpid()}")
  # Whoever comes next removes what nobody asks for again.
  assert [path.name for path in folder.iterdir()] == ["cd34.claim"]
  with Claims(folder):
    assert list(folder.iterdir()) == []


def test_another_machine_is_judged_by_its_counter_alone(folder):
  clock = Clock()
  folder.mkdir()
  path = folder / f"{KEY}.claim"
  path.write_text(ELSEWHERE)
  with Claims(folder, lease=100, clock=clock) as claims:
    assert claims.owner(KEY) == "elsewhere:12"
    for clock.now in (0, 99):
      with claims.holding(KEY) as mine:
        assert not mine
      assert not claims.is_moving(KEY)
    path.write_text(ELSEWHERE.replace("7", "8"))
    assert claims.is_moving(KEY)
    for clock.now in (100, 198):
      with claims.holding(KEY) as mine:
        assert not mine
    clock.now = 199
    with claims.holding(KEY) as mine:
      assert mine
      assert claims.owner(KEY).endswith(f":{os.getpid()}")
  assert list(folder.iterdir()) == []


def test_what_was_taken_over_is_not_given_up_by_its_first_owner(folder):
  with Claims(folder) as claims:
    with claims.holding(KEY):
      (folder / f"{KEY}.claim").unlink()
      (folder / f"{KEY}.claim").write_text(ELSEWHERE)
    assert claims.owner(KEY) == "elsewhere:12"


def test_the_counter_moves_while_it_is_held(folder):
  with Claims(folder, beat=0.01) as claims, claims.holding(KEY):
    path = folder / f"{KEY}.claim"
    first = path.read_text()
    while path.read_text()[:20] == first[:20]:
      assert claims._thread.is_alive()
    assert path.read_text()[20:] == first[20:]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 10_000])
def test_what_says_nothing_is_dead_after_a_lease(folder, content):
  clock = Clock()
  folder.mkdir()
  (folder / f"{KEY}.claim").write_bytes(content)
  with Claims(folder, lease=100, clock=clock) as claims:
    with claims.holding(KEY) as mine:
      assert not mine
    assert claims.owner(KEY) == ""
    clock.now = 100
    with claims.holding(KEY) as mine:
      assert mine


def test_old_claims_of_other_machines_are_removed(folder):
  folder.mkdir()
  for name in ("ab", "cd"):
    (folder / f"{name}.claim").write_text(ELSEWHERE)
  os.utime(folder / "ab.claim", (0, 0))
  with Claims(folder):
    assert [path.name for path in folder.iterdir()] == ["cd.claim"]


def test_where_nothing_can_be_written_all_is_done_without(tmp_path, monkeypatch):
  (tmp_path / "file").write_text("")
  with Claims(tmp_path / "file") as claims, claims.holding(KEY) as mine:
    assert mine

  def full(*_, **__):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(claims_module.os, "open", full)
  with Claims(tmp_path / "full") as claims, claims.holding(KEY) as mine:
    assert mine


def test_who_has_it_is_awaited(folder):
  with Claims(folder) as ours, Claims(folder) as theirs:
    other = contextlib.ExitStack()
    other.enter_context(theirs.holding(KEY))
    waited = []

    def waiting():
      waited.append(ours.owner(KEY))
      if len(waited) == 2:
        other.close()

    with ours.awaited(KEY, waiting):
      assert not theirs.is_taken("cd34")
      assert theirs.is_taken(KEY)
    assert len(waited) == 2
  assert list(folder.iterdir()) == []
