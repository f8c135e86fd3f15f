"""Damage: of bytes, of JSON values, of the fields of archives, graphs and tables."""

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

# Numbers and texts that programs rarely expect.
_NUMBERS = (
  0,
  -1,
  1,
  2**31,
  -(2**31),
  2**63,
  2**64,
  10**22,
  10**400,
  0.5,
  -0.0,
  1e308,
  5e-324,
)
_TEXTS = (
  "",
  " ",
  "nan",
  "inf",
  "-1",
  "1e400",
  "9" * 400,
  "../../etc/passwd",
  "\x1b[2J",
  "a\nb",
  "\u202eabc",
  "\ufeff",
  "é",
  "e\u0301",
  "😀",
  "%s%n",
  "=1+1",
  "a" * 5000,
  "[" * 3000,
  "None",
  "lead",
)
_RAW_JSON = (
  "NaN",
  "-Infinity",
  "1e999",
  "1" * 400,
  r'"\ud800"',
  "[" * 5000,
  '{"a":1,"a":2}',
)


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
  """Flips bits, cuts, repeats, splices or overwrites a few places."""
  changed = bytearray(content)
  for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
    if not changed:
      break
    place = rng.randrange(len(changed))
    length = rng.randrange(1, 1 + min(64, len(changed)))
    match rng.randrange(7):
      case 0 | 1:
        changed[place] ^= 1 << rng.randrange(8)
      case 2:
        del changed[place:]
      case 3:
        del changed[place : place + length]
      case 4:
        other = rng.randrange(len(changed))
        changed[place:place] = changed[other : other + length]
      case 5:
        number = rng.choice((0, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
        changed[place : place + 4] = struct.pack("<I", number)
      case _:
        changed[place : place + length] = rng.randbytes(length)
  return bytes(changed)


def damage_json(content: bytes, rng: random.Random) -> bytes:
  """Replaces, drops, renames or doubles a value somewhere in JSON."""
  if rng.random() < 0.3:
    return damage_bytes(content, rng)
  tree = json.loads(content)
  places: list[tuple[Any, Any]] = []
  waiting = [tree]
  while waiting:
    item = waiting.pop()
    keys = list(item) if isinstance(item, dict) else range(len(item))
    places += [(item, key) for key in keys]
    waiting += [item[key] for key in keys if isinstance(item[key], dict | list)]
  holder, key = rng.choice(places)
  raw = None
  match rng.randrange(5):
    case 0:
      del holder[key]
    case 1 if isinstance(holder, dict):
      holder[rng.choice(_TEXTS)] = holder.pop(key)
    case 2:
      raw = rng.choice(_RAW_JSON)
      holder[key] = "@raw@"
    case _:
      holder[key] = odd_value(rng)
  text = json.dumps(tree)
  if raw is not None:
    text = text.replace('"@raw@"', raw)
  mark = b"\xef\xbb\xbf" if rng.random() < 0.05 else b""
  return mark + text.encode()


def odd_value(rng: random.Random) -> Any:
  """Returns a value that a field is rarely meant to have."""
  simple: tuple[Any, ...] = (None, True, False, [], {}, [None], {"a": 1}, [[]])
  return rng.choice((*_NUMBERS, *_TEXTS, *simple))


def damage_csv(content: bytes, rng: random.Random) -> bytes:
  """Replaces a cell, drops or doubles a row, changes the header, quotes or encoding."""
  if rng.random() < 0.3:
    return damage_bytes(content, rng)
  rows = [line.split(",") for line in content.decode().splitlines()]
  row = rng.choice(rows)
  match rng.randrange(5):
    case 0:
      rows.insert(rng.randrange(len(rows)), list(row))
    case 1:
      rows.remove(row)
    case 2:
      row.append(rng.choice(_TEXTS))
    case _:
      row[rng.randrange(len(row))] = rng.choice(
        ('"', '"a,b"', *map(str, _NUMBERS[:9]), *_TEXTS)
      )
  text = "\n".join(",".join(cells) for cells in rows)
  coding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
  return text.encode(coding, "replace")


def damage_zip(content: bytes, rng: random.Random) -> bytes:
  """Changes one member of an archive, its name or its compression, and packs it again."""
  if rng.random() < 0.3:
    return damage_bytes(content, rng)
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    members = [(name, archive.read(name)) for name in archive.namelist()]
  index = rng.randrange(len(members))
  name, held = members[index]
  match rng.randrange(6):
    case 0:
      del members[index]
    case 1:
      members[index] = (rng.choice(("", "../x", "a.npy", f"{name}/", name * 99)), held)
    case 2:
      members[index] = (name, members[rng.randrange(len(members))][1])
    case 3:
      # The header of an array, where it is one.
      start = held[:128].replace(
        rng.choice((b"(", b"8", b"<", b"f", b"6")), rng.choice((b"9", b">", b"O", b"-"))
      )
      members[index] = (name, start + held[128:])
    case _:
      members[index] = (name, damage_bytes(held, rng))
  method = rng.choice(
    (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
  )
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w", method) as archive:
    for member, body in members:
      archive.writestr(member or "_", body)
  packed = buffer.getvalue()
  return damage_bytes(packed, rng) if rng.random() < 0.2 else packed


def damage_safetensors(content: bytes, rng: random.Random) -> bytes:
  """Changes a value of the header, whose length stays true."""
  if rng.random() < 0.4:
    return damage_bytes(content, rng)
  (length,) = struct.unpack("<Q", content[:8])
  header = damage_json(content[8 : 8 + length], rng)
  return struct.pack("<Q", len(header)) + header + content[8 + length :]


def damage_onnx(content: bytes, rng: random.Random) -> bytes:
  """Changes a node, an attribute, a weight or the file's own fields."""
  if rng.random() < 0.3:
    return damage_bytes(content, rng)
  import onnx

  model = onnx.load_from_string(content)
  graph = model.graph
  node = rng.choice(graph.node)
  changes: list[Callable[[], Any]] = [
    lambda: setattr(node, "op_type", rng.choice(graph.node).op_type),
    lambda: node.input.pop() if node.input else None,
    lambda: node.input.append(rng.choice(graph.node).output[0]),
    lambda: graph.node.remove(node),
    lambda: graph.node.append(copy.deepcopy(node)),
    lambda: setattr(node, "domain", rng.choice(("", "ai.onnx", "x", "com.microsoft"))),
    lambda: setattr(model.opset_import[0], "version", rng.choice((-1, 0, 7, 13, 99))),
    lambda: _change_tensor(rng.choice(graph.initializer), rng),
    lambda: _change_attribute(node, rng),
    lambda: _change_attribute(node, rng),
    lambda: _change_input(graph, rng),
  ]
  rng.choice(changes)()
  return bytes(model.SerializeToString())


def _change_tensor(tensor: Any, rng: random.Random) -> None:
  match rng.randrange(4):
    case 0:
      tensor.data_type = rng.randrange(0, 24)
    case 1:
      tensor.dims.append(rng.choice((0, -1, 2, 2**40)))
    case 2 if tensor.dims:
      tensor.dims[0] = rng.choice((0, -1, 1, 2**40))
    case _:
      tensor.raw_data = damage_bytes(tensor.raw_data, rng)


def _change_attribute(node: Any, rng: random.Random) -> None:
  if not node.attribute:
    return
  attribute = rng.choice(node.attribute)
  number = rng.choice((-(2**40), -2, -1, 0, 1, 2, 3, 7, 2**31, 2**40))
  match rng.randrange(4):
    case 0:
      node.attribute.remove(attribute)
    case 1:
      attribute.ints.append(number)
    case 2 if attribute.ints:
      attribute.ints[rng.randrange(len(attribute.ints))] = number
    case _:
      attribute.i = number
      attribute.f = rng.choice((0.0, -1.0, 1e38, float("nan"), float("inf")))


def _change_input(graph: Any, rng: random.Random) -> None:
  dims = graph.input[0].type.tensor_type.shape.dim
  if dims:
    rng.choice(dims).dim_value = rng.choice((0, 1, 2, 7, 2**40))
