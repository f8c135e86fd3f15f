"""Atomic writes: the old or the new, nothing in between, nothing left behind."""

import json
import os
import pathlib
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from lead_jax.checks import InputError
from lead_jax.system import (
  _atomic as atomic,
  _temporaries as temporaries,
  explain_write_errors,
  move_into_place,
  remove_stale,
  replacing,
  replacing_folder,
  replacing_path,
  write_bytes,
  write_text,
  write_together,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = "ü" * 120 + ".json"  # 245 bytes, of 255


def names(folder: pathlib.Path) -> list[str]:
  return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["a.json", ".hidden", LONG])
def test_files_are_written_and_replaced(tmp_path, name):
  path = tmp_path / name
  write_text(path, "größe\n")
  assert path.read_bytes() == "größe\n".encode()
  write_bytes(str(path), b"\0new")
  assert path.read_bytes() == b"\0new"
  with replacing_path(path) as temporary, open(temporary, "wb") as file:
    np.save(file, np.arange(3))
  assert np.load(path).tolist() == [0, 1, 2]
  assert names(tmp_path) == [name]


def test_temporary_names_say_what_they_are_of(tmp_path):
  with replacing_path(tmp_path / "report.json") as temporary:
    assert temporary.parent == tmp_path
    assert temporary.name.startswith(f".report.json.{os.getpid()}-")
    assert temporary.name.endswith(".tmp")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("earlier", [True, False])
def test_what_is_interrupted_leaves_the_old(tmp_path, error, earlier):
  file, folder = tmp_path / "file", tmp_path / "folder"
  if earlier:
    file.write_text("old")
    folder.mkdir()
    (folder / "a").write_text("old")
  before = names(tmp_path)

  def write_file():
    with replacing(file) as opened:
      opened.write(b"half")
      raise error

  def write_folder():
    with replacing_folder(folder) as temporary:
      (temporary / "a").write_text("half")
      raise error

  for write in (write_file, write_folder):
    with pytest.raises(error):
      write()
  assert names(tmp_path) == before
  if earlier:
    assert file.read_text() == "old"
    assert (folder / "a").read_text() == "old"


@pytest.mark.parametrize("where", ["open", "fsync", "replace", "rename", "mkdir"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_nothing_is_left_where_a_step_fails(tmp_path, monkeypatch, where, error):
  def refuse(*_, **__):
    raise error

  def write():
    with replacing(tmp_path / "file") as file:
      file.write(b"new")
    with replacing_folder(tmp_path / "folder") as folder:
      (folder / "a").write_text("new")

  with monkeypatch.context() as patch:
    if where == "open":
      patch.setattr(atomic, "open", refuse, raising=False)
    else:
      patch.setattr(os, where, refuse)
    with pytest.raises(type(error)):
      write()
  assert names(tmp_path) == ([] if where in ("open", "fsync", "replace") else ["file"])
  write()
  assert names(tmp_path) == ["file", "folder"]


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
  done = []
  fsync, replace, rename = os.fsync, os.replace, os.rename

  def flushed(descriptor):
    done.append(os.path.realpath(f"/dev/fd/{descriptor}").split("/")[-1].split(".")[-1])
    fsync(descriptor)

  monkeypatch.setattr(os, "fsync", flushed)
  monkeypatch.setattr(os, "replace", lambda *a: (done.append("renamed"), replace(*a)))
  monkeypatch.setattr(os, "rename", lambda *a: (done.append("renamed"), rename(*a)))
  write_text(tmp_path / "file", "x")
  assert done == ["tmp", "renamed", tmp_path.name]
  done.clear()
  with replacing_folder(tmp_path / "folder") as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "file.npy").write_text("x")
  assert sorted(done[:2]) == ["inner", "npy"]
  assert done[2:] == ["tmp", "renamed", tmp_path.name]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_are_those_of_the_user(tmp_path, umask):
  before = os.umask(umask)
  try:
    write_text(tmp_path / "a", "x")
    with replacing_path(tmp_path / "b") as temporary:  # as safetensors does it
      temporary.unlink()
      temporary.touch(mode=0o600)
    with replacing_folder(tmp_path / "c"):
      pass
  finally:
    os.umask(before)
  mode = lambda name: stat.S_IMODE((tmp_path / name).stat().st_mode)
  assert mode("a") == mode("b") == 0o666 & ~umask
  assert mode("c") == 0o777 & ~umask


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
  file = tmp_path / "file"
  file.write_text("x")
  for path in (file / "a", file / "below" / "a"):
    with pytest.raises(InputError, match=r"cannot write .*: give another out=") as e:
      write_text(path, "x")
    assert "\n" not in str(e.value)
    assert repr(str(path)) in str(e.value)
  said = pytest.raises(InputError, match=r"cannot write 'x' \(full\): buy a disk$")
  with said, explain_write_errors("x", remedy="buy a disk"):
    raise OSError("full")
  assert names(tmp_path) == ["file"]
  write_text(tmp_path / "new" / "below" / "a", "x")
  assert (tmp_path / "new" / "below" / "a").read_text() == "x"


def test_a_folder_is_replaced_or_kept(tmp_path):
  place = tmp_path / "entry"

  def write(text, **options):
    with replacing_folder(place, **options) as folder:
      (folder / text).write_text(text)

  write("one")
  write("two")
  assert names(place) == ["two"]
  asked = []
  write("three", keep=lambda folder: asked.append(folder) or True)
  assert (asked, names(place)) == ([place], ["two"])
  write("four", keep=lambda folder: False)
  assert names(place) == ["four"]
  assert names(tmp_path) == ["entry"]


def test_a_file_in_a_folders_place_is_replaced(tmp_path):
  (tmp_path / "entry").write_text("a file")
  with replacing_folder(tmp_path / "entry") as folder:
    (folder / "a").write_text("x")
  assert names(tmp_path / "entry") == ["a"]
  assert names(tmp_path) == ["entry"]


def test_a_finished_file_is_moved(tmp_path):
  (tmp_path / "a.part").write_text("whole")
  (tmp_path / "a").write_text("old")
  move_into_place(tmp_path / "a.part", tmp_path / "a")
  assert (tmp_path / "a").read_text() == "whole"
  assert names(tmp_path) == ["a"]


def test_only_old_temporaries_of_ours_are_removed(tmp_path):
  ours = [f".report.json.12-{'ab' * 8}.tmp", f".entry.12-{'cd' * 8}.tmp"]
  others = [".tmp", "a.tmp", ".a.tmp", f"a.12-{'ab' * 8}.tmp", f".a.{'ab' * 8}.tmp"]
  for name in (ours[0], *others):
    (tmp_path / name).write_text("x")
  (tmp_path / ours[1]).mkdir()
  (tmp_path / ours[1] / "a").write_text("x")
  remove_stale(tmp_path)
  assert names(tmp_path) == sorted([*ours, *others])
  yesterday = time.time() - 2 * temporaries.STALE_SECONDS
  for name in names(tmp_path):
    os.utime(tmp_path / name, (yesterday, yesterday))
  remove_stale(tmp_path)
  assert names(tmp_path) == sorted(others)
  remove_stale(tmp_path / "none")


def test_a_write_removes_what_a_killed_one_left(tmp_path):
  old = tmp_path / f".report.json.12-{'ab' * 8}.tmp"
  old.write_text("half")
  os.utime(old, (0, 0))
  write_text(tmp_path / "report.json", "x")
  assert names(tmp_path) == ["report.json"]


# Two processes write two contents by turns; a third reads.
WRITER = """
import pathlib, sys
from lead_jax.system import replacing_folder, write_bytes
root, letter = pathlib.Path(sys.argv[1]), sys.argv[2].encode()
for _ in range(60):
  write_bytes(root / "file", letter * 100_000)
  with replacing_folder(root / "folder", keep=lambda folder: letter == b"a") as made:
    (made / "whole").write_bytes(letter * 1000)
"""


def test_two_writers_and_a_reader(tmp_path):
  writers = [
    subprocess.Popen(
      [sys.executable, "-c", WRITER, str(tmp_path), letter],
      cwd=ROOT,
      stderr=subprocess.PIPE,
      text=True,
    )
    for letter in "ab"
  ]
  seen = set()
  while any(writer.poll() is None for writer in writers):
    if (tmp_path / "file").exists():
      seen.add((tmp_path / "file").read_bytes())
  for writer in writers:
    assert (writer.communicate()[1], writer.returncode) == ("", 0)
  assert seen <= {b"a" * 100_000, b"b" * 100_000}
  assert names(tmp_path) == ["file", "folder"]
  whole = (tmp_path / "folder" / "whole").read_bytes()
  assert whole in (b"a" * 1000, b"b" * 1000)


# Forks children that kill themselves before their n-th call to the file system, for every
# n until one is through, and prints what each of them left under the names.
KILLED = """
import builtins, json, os, pathlib, signal, sys
from lead_jax.system import _atomic as module
root = pathlib.Path(sys.argv[1])
file, folder = root / "file", root / "folder"

def counted(original, limit, calls=[]):
  def call(*args, **kwargs):
    calls.append(None)
    if len(calls) > limit:
      os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
  return call

def child(limit):
  for name in ("chmod", "fsync", "mkdir", "rename", "replace"):
    setattr(os, name, counted(getattr(os, name), limit))
  module.open = counted(builtins.open, limit)
  module.write_text(file, "new")
  with module.replacing_folder(folder) as made:
    (made / "a").write_text("new")
  os._exit(0)

found = []
for limit in range(100):
  module.write_text(file, "old")
  with module.replacing_folder(folder) as made:
    (made / "a").write_text("old")
  pid = os.fork()
  if not pid:
    child(limit)
  status = os.waitpid(pid, 0)[1]
  content = folder / "a"
  found.append([file.read_text(), content.read_text() if folder.exists() else None])
  if status == 0:
    break
print(json.dumps({"found": found, "status": status}))
"""


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path):
  done = subprocess.run(
    [sys.executable, "-c", KILLED, str(tmp_path)],
    capture_output=True,
    text=True,
    check=False,
    cwd=ROOT,
  )
  assert done.returncode == 0, done.stderr
  outcome = json.loads(done.stdout)
  assert outcome["status"] == 0
  files, folders = zip(*outcome["found"], strict=True)
  assert len(files) > 10  # So many moments were tried.
  for found in (files, folders):
    assert found[0] == "old"
    assert found[-1] == "new"
  assert list(files) == sorted(files, reverse=True)
  assert set(files) == {"old", "new"}
  # Between two renames the folder is not there: so says its docstring.
  assert folders.count(None) <= 1


def test_text_that_utf8_has_not_is_written(tmp_path):
  write_text(tmp_path / "a", f"ü {os.fsdecode(bytes([0xFF]))}")
  assert (tmp_path / "a").read_text(encoding="utf-8") == "ü ?"


def test_files_that_belong_together_are_all_written_or_none(tmp_path, monkeypatch):
  write_together(tmp_path / "out", {"a": b"1", "b": b"2"})
  assert names(tmp_path / "out") == ["a", "b"]
  fsync, calls = os.fsync, []

  def second_fails(descriptor):
    calls.append(1)
    if len(calls) == 2:
      raise OSError(28, "No space left on device")
    fsync(descriptor)

  with monkeypatch.context() as patch:
    patch.setattr(os, "fsync", second_fails)
    with pytest.raises(InputError, match=r"cannot write .*b' \(No space"):
      write_together(tmp_path / "out", {"a": b"new", "b": b"new", "c": b"new"})
  assert names(tmp_path / "out") == ["a", "b"]
  assert (tmp_path / "out" / "a").read_bytes() == b"1"
  write_together(tmp_path / "out", {"b": b"new", "c": b"3"})
  assert (tmp_path / "out" / "b").read_bytes() == b"new"
  (tmp_path / "file").touch()
  with pytest.raises(InputError, match=r"cannot write .*file'"):
    write_together(tmp_path / "file", {"a": b"1"})


LEAVES = """
import os, pathlib, signal, sys
from lead_jax.system import replacing_path
with replacing_path(pathlib.Path(sys.argv[1]) / "report.json") as path:
  path.write_text("half")
  if sys.argv[2] == "wait":
    print("written", flush=True)
    sys.stdin.read()
  os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_of_this_machine_left_goes_at_once(tmp_path):
  command = [sys.executable, "-c", LEAVES, str(tmp_path)]
  subprocess.run([*command, "die"], cwd=ROOT, check=False)
  assert len(names(tmp_path)) == 1
  with subprocess.Popen(
    [*command, "wait"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
  ) as alive:
    alive.stdout.readline()
    with replacing_path(tmp_path / "mine") as mine:
      remove_stale(os.path.relpath(tmp_path))  # whatever it is called
      left = set(names(tmp_path)) - {mine.name}
      assert {name.split(".")[3].split("-")[0] for name in left} == {str(alive.pid)}
    alive.stdin.close()
  remove_stale(tmp_path)
  assert names(tmp_path) == ["mine"]


def test_a_process_id_that_is_ours_again_holds_nothing(tmp_path):
  """As in a container, whose processes have the same numbers each time."""
  with replacing_path(tmp_path / "a") as mine:
    unique = mine.name.split(".")[2].rsplit("-", 1)[0]
    (tmp_path / f".report.json.{unique}-{'ab' * 8}.tmp").touch()
    remove_stale(tmp_path)
    assert names(tmp_path) == [mine.name]
