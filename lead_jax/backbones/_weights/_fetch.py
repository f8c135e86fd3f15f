"""Published files of weights: found in a folder, in the cache, or downloaded into it.

A download goes to a `.part` beside its place and is renamed when it is whole: all its
bytes are there and its digest, where one is published, is right. What was interrupted goes
on from where it was, if the server vouches (ETag) that it still has the same file. A kept
download is held against its digest whenever it is asked for, and fetched again where it is
damaged.
"""

import contextlib
import email.message
import http.client
import json
import os
import pathlib
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

from lead_jax.backbones._weights._digests import check_digest
from lead_jax.checks import InputError, shown
from lead_jax.readers import read_json
from lead_jax.system import (
  file_digest,
  is_at,
  lock_file,
  move_into_place,
  sealed,
  unsealed,
  user_path,
  write_text,
)

Progress = Callable[[int, int], object]

_TIMEOUT = 30  # Seconds without a byte.
_ATTEMPTS = 3
_CHUNK = 1 << 20
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


class PublishedFile(Protocol):
  """What is known of a file.

  Attributes:
    name: Its path below a folder of weights.
    url: Where it is published.
    sha256: As for `check_digest`; "" where none is published.
  """

  @property
  def name(self) -> str: ...
  @property
  def url(self) -> str: ...
  @property
  def sha256(self) -> str: ...


def cached_download(cache_dir: str | os.PathLike, file: PublishedFile) -> pathlib.Path:
  """Where a download is kept, whether it is there or not."""
  return user_path(cache_dir) / "weights" / "downloads" / file.name


def find_weights(
  files: Sequence[PublishedFile],
  *,
  weights_dir: str | os.PathLike | None,
  cache_dir: str | os.PathLike,
  download: bool,
  progress: Progress | None = None,
  opener: urllib.request.OpenerDirector | None = None,
) -> pathlib.Path:
  """Finds or downloads a network's published files.

  Args:
    files: The first is the one to be read; others belong beside it (the shards of a
      TensorFlow checkpoint).
    weights_dir: The user's folder, searched first; None for none.
    cache_dir: Downloads are kept in `weights/downloads` below it.
    download: Whether what is found nowhere is downloaded.
    progress: Called with bytes done and to be done (0: not known).
    opener: Opens addresses; only https is allowed where it is None.

  Returns:
    Path of the first file.

  Raises:
    InputError: In one line, if a file is not the published one, or cannot be had: then
      all that is to be fetched by hand, from where, and where to put it.
  """
  folder = None if weights_dir is None else user_path(weights_dir)
  if folder is not None and all((folder / file.name).is_file() for file in files):
    for file in files:
      if file.sha256:
        check_digest(folder / file.name, file.sha256)
    return folder / files[0].name
  cached = [cached_download(cache_dir, file) for file in files]
  reason = "downloads are off"
  damage = [_damage(file, path) for file, path in zip(files, cached, strict=True)]
  if download:
    try:
      for i, (file, path) in enumerate(zip(files, cached, strict=True)):
        if damage[i] or not path.is_file():
          download_file(file, path, progress=progress, opener=opener)
          damage[i] = ""
    except InputError as error:
      reason = str(error)
  if damaged := "".join(damage):
    raise InputError(f"{damaged} ({reason})")
  if all(path.is_file() for path in cached):
    return cached[0]
  own = cached if folder is None else [folder / file.name for file in files]
  # They belong together: into whichever folder has more of them.
  places = min(own, cached, key=lambda paths: sum(not p.is_file() for p in paths))
  raise InputError(_by_hand(files, places, reason))


def _damage(file: PublishedFile, path: pathlib.Path) -> str:
  """What is wrong with a download that is kept; "" where nothing is, or none is kept."""
  expected = file.sha256
  with contextlib.suppress(ValueError, KeyError):
    memory = unsealed(read_json(_memory(path)))
    expected = expected or str(memory["sha256"])
  if not expected or not path.is_file():
    return ""
  try:
    check_digest(path, expected)
  except (InputError, OSError) as error:
    return str(error)
  return ""


def _by_hand(
  files: Sequence[PublishedFile], places: Sequence[pathlib.Path], reason: str
) -> str:
  """What to fetch and where to put it."""
  missing = [
    (file, place)
    for file, place in zip(files, places, strict=True)
    if not place.is_file()
  ]
  names = " and ".join(file.name for file, _ in missing)
  are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
  ways = ", and ".join(
    f"from {file.url} and save it as {place}" for file, place in missing
  )
  return (
    f"{names} {are} neither in a folder of weights nor in the cache ({reason}): fetch "
    f"{them} by hand {ways}"
  )


def download_file(
  file: PublishedFile,
  path: pathlib.Path,
  *,
  progress: Progress | None = None,
  opener: urllib.request.OpenerDirector | None = None,
) -> None:
  """Downloads a file; interrupted, it goes on at the next call.

  Args:
    file: What to download.
    path: Where it will stand, when it is whole.
    progress: As for `find_weights`.
    opener: As for `find_weights`.

  Raises:
    InputError: In one line, if it cannot be had or is not the published file.
  """
  if opener is None:
    _check_https(file.url)
    opener = urllib.request.build_opener(_HttpsOnly())
  part = path.with_name(f"{path.name}.part")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(part) as target:
      for attempt in range(_ATTEMPTS):
        try:
          _continue(file, target, part, opener, progress or (lambda done, size: None))
          break
        except _BROKEN as error:
          if attempt == _ATTEMPTS - 1:
            raise InputError(
              f"the connection broke off ({error or type(error).__name__}): run it again "
              "to go on from there"
            ) from None
      if file.sha256:
        try:
          check_digest(part, file.sha256)
        except InputError:
          target.truncate(0)
          raise
      move_into_place(part, path)
      _memory(part).unlink(missing_ok=True)
      if not file.sha256:  # no digest is published: what came is what is expected
        content = sealed({"url": file.url, "sha256": file_digest(path)})
        write_text(_memory(path), json.dumps(content))
  except urllib.error.HTTPError as error:
    error.close()
    raise InputError(f"the server answers {error.code} {shown(error.reason)}") from None
  except urllib.error.URLError as error:
    raise InputError(f"{file.url} cannot be reached: {error.reason}") from None
  except OSError as error:
    raise InputError(f"{path} cannot be written: {error.strerror or error}") from None


def _continue(
  file: PublishedFile,
  target: BinaryIO,
  part: pathlib.Path,
  opener: urllib.request.OpenerDirector,
  progress: Progress,
) -> None:
  """Downloads what is missing of a part; raises what connections raise."""
  done = target.seek(0, os.SEEK_END)
  request = urllib.request.Request(file.url, headers={"User-Agent": "lead_jax"})
  tag = _remembered(part, file.url)
  if done and tag:
    request.add_header("Range", f"bytes={done}-")
    request.add_header("If-Range", tag)
  try:
    answer = opener.open(request, timeout=_TIMEOUT)
  except urllib.error.HTTPError as error:
    if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
      raise
    error.close()  # The part is no beginning of it.
    target.truncate(0)
    raise ConnectionError("the server refuses to go on") from None
  with answer:
    headers: email.message.Message = answer.headers
    if headers.get_content_type() == "text/html":
      raise InputError(
        "the server answers with a web page: it wants a person to log in"
      )
    resumed = answer.status == http.client.PARTIAL_CONTENT
    if not resumed or not headers.get("Content-Range", "").startswith(f"bytes {done}-"):
      if resumed:
        raise ConnectionError("the server goes on from somewhere else")
      done = 0
      target.truncate(0)
      memory = sealed({"url": file.url, "tag": headers.get("ETag", "")})
      write_text(_memory(part), json.dumps(memory))
    left = headers.get("Content-Length")
    size = done + int(left) if left else 0
    _check_space(part, size - done)
    target.seek(done)
    while chunk := answer.read(_CHUNK):
      target.write(chunk)
      done += len(chunk)
      progress(done, size)
    target.flush()
    if size and done != size:
      raise ConnectionError(f"after {done} of {size} bytes")


@contextlib.contextmanager
def _locked(part: pathlib.Path) -> Iterator[BinaryIO]:
  """The open part, which this process alone writes."""
  while True:
    with open(part, "ab") as target:
      try:
        lock_file(target, wait=False)
      except OSError:
        raise InputError(
          "another process is downloading it: wait for that one"
        ) from None
      # The other process may have finished in between: what is open is its file then.
      if is_at(target, part):
        yield target
        return


def _memory(part: pathlib.Path) -> pathlib.Path:
  """Where it is kept which version of the file a part is of, or the digest of a whole."""
  return part.with_name(f"{part.name}.json")


def _remembered(part: pathlib.Path, url: str) -> str:
  """The server's tag of what the part is of; "" if it cannot be gone on with."""
  try:
    memory = unsealed(read_json(_memory(part)))
    tag = memory["tag"] if memory["url"] == url else ""
  except (ValueError, KeyError, TypeError, AttributeError):
    return ""
  return "" if tag.startswith("W/") else tag  # Weak tags do not promise the same bytes.


def _check_space(part: pathlib.Path, needed: int) -> None:
  free = shutil.disk_usage(part.parent).free
  if needed > free:
    raise InputError(
      f"{needed / 1e6:.0f} MB are needed in {part.parent}, {free / 1e6:.0f} MB are free"
    )


def _check_https(url: str) -> None:
  if urllib.parse.urlsplit(url).scheme != "https":
    raise InputError(f"{url} is not an https address")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
  """Follows redirections to https and no other ones."""

  def redirect_request(self, req, fp, code, msg, headers, newurl):
    _check_https(newurl)
    return super().redirect_request(req, fp, code, msg, headers, newurl)
