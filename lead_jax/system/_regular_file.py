"""Opening files that strangers name: none that blocks, and none without an end."""

import errno
import io
import os
import stat


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
  """Opens a file for reading, if it is one.

  Args:
    path: A pipe that nobody writes to would block, and a device may never end.

  Raises:
    OSError: If it cannot be opened, or is a folder, a pipe or a device.
  """
  # Without waiting, where the system can.
  flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
  descriptor = os.open(path, flags)
  kind = os.fstat(descriptor).st_mode
  if not stat.S_ISREG(kind):
    os.close(descriptor)
    if stat.S_ISDIR(kind):
      raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, "it is a pipe or a device, no file", os.fspath(path))
  return os.fdopen(descriptor, "rb")
