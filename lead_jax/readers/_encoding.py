"""Bytes as text: UTF-8, with or without a byte-order mark, and nothing else."""

from lead_jax.checks import InputError

_MARKS = {
  b"\xff\xfe": "UTF-16",
  b"\xfe\xff": "UTF-16",
  b"\x00\x00\xfe\xff": "UTF-32",
}


def decode_text(content: bytes, source: str) -> str:
  """Returns bytes as text: UTF-8, with or without a byte-order mark.

  Args:
    content: What was read.
    source: What the message calls it.

  Raises:
    InputError: If it is in another encoding, or no text.
  """
  for mark, name in _MARKS.items():
    if content.startswith(mark):
      raise InputError(f"{source} is text in {name}: save it in UTF-8")
  try:
    text = content.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(
      f"{source} is not text in UTF-8 (byte {error.start} is "
      f"0x{content[error.start]:02x}): save it in UTF-8"
    ) from None
  if "\0" in text:
    raise InputError(f"{source} is not a text file: it holds a zero byte")
  return text
