"""Which folders are parts (training, test, validation): by their names and content."""

from collections.abc import Sequence

from lead_jax.checks import InputError
from lead_jax.data._parts import likely_kind, part_kind
from lead_jax.data._tree import Folder


def unwrap(tree: Folder) -> tuple[Folder, list[Folder]]:
  """Returns the folder that holds the classes or parts, and the wrappers around it."""
  wrappers = []
  while (inner := _wrapped(tree)) is not None:
    wrappers.append(tree)
    tree = inner
  return tree, wrappers


def _wrapped(tree: Folder) -> Folder | None:
  """The one folder inside that matters, or None."""
  if any(part_kind(folder.name) is not None for folder in tree.folders):
    return None
  if len(tree.folders) == 1:
    (inner,) = tree.folders
    return inner if nests(inner) else None
  # Documents beside the data: one folder that is divided, and no other holds folders.
  deep = [folder for folder in tree.class_folders if nests(folder)]
  if len(deep) == 1 and len(_kinds_of(_divided(deep[0]))) > 1:
    return deep[0]
  return None


def nests(folder: Folder) -> bool:
  """Returns whether most images of a folder lie in its sub-folders."""
  return folder.images_below > folder.images_here


def find_parts(base: Folder, source: str) -> dict[str, Folder]:
  """Returns the parts of a data set.

  Args:
    base: The folder that holds classes or parts.
    source: What to call the data set in a message.

  Returns:
    By the name of a part, the folder that holds its class folders: itself, or the one
    folder inside it that does; empty where all folders are classes.

  Raises:
    InputError: If parts have no class folders, or folders hold the same folders and none
      of their names says what they are.
  """
  found = _by_name(base, source)
  if not found:
    _refuse_alike(base, source)
  return found


def _by_name(base: Folder, source: str) -> dict[str, Folder]:
  named = [f for f in base.class_folders if part_kind(f.name) is not None]
  divided = _divided(base)
  if not divided and named:
    kinds = {part_kind(folder.name) for folder in named}
    if len(kinds) > 1 or len(named) == len(base.class_folders):
      raise InputError(
        f"{source}: {' and '.join(repr(f.name) for f in named)} hold images but no class "
        f"folders: put the images of each class into a folder of its own, such as "
        f"{named[0].name}/CLASS"
      )
  others = [folder for folder in base.class_folders if folder.name not in divided]
  if len(_kinds_of(divided)) == 1 and others and not _is_lone(divided, others):
    return {}
  return divided


def _divided(base: Folder) -> dict[str, Folder]:
  """By name, the folders that are called as parts are and hold class folders."""
  sure = {
    f.name: inside(f)
    for f in base.class_folders
    if part_kind(f.name) is not None and f.class_folders
  }
  kinds = set(map(part_kind, sure))
  likely = {
    f.name: inside(f)
    for f in base.class_folders
    if f.class_folders and likely_kind(f.name) not in {None, *kinds}
  }
  # A name that may mean something else has to hold what another part holds.
  known = {**sure, **likely}
  shares = lambda name: any(
    _classes(known[name]) & _classes(other) for n, other in known.items() if n != name
  )
  found = {**sure, **{name: likely[name] for name in likely if shares(name)}}
  if sure or not found:
    return found
  # Words alone: a training part and another, and no other folder that is like them.
  held = set().union(*map(_classes, found.values()))
  rest = (f for f in base.class_folders if f.name not in found)
  alike = any(_classes(inside(folder)) & held for folder in rest)
  kinds = _kinds_of(found)
  return found if 0 in kinds and len(kinds) > 1 and not alike else {}


def inside(part: Folder) -> Folder:
  """Returns the folder of a part that holds its classes, such as `train/images/`."""
  while len(part.class_folders) == 1 and not part.images_here:
    (inner,) = part.class_folders
    if not inner.class_folders or inner.images_here:
      break
    part = inner
  return part


def _classes(folder: Folder) -> set[str]:
  return {inner.name for inner in folder.class_folders}


def _kinds_of(parts: dict[str, Folder]) -> set[int | None]:
  return {likely_kind(name) for name in parts}


def _is_lone(divided: dict[str, Folder], others: Sequence[Folder]) -> bool:
  """Whether folders of one kind are parts, beside folders whose names say nothing."""
  classes = set().union(*map(_classes, divided.values()))
  theirs = set().union(*map(_classes, others))
  if classes & theirs:
    return True
  return any(map(nests, divided.values())) and not any(map(nests, others))


def _refuse_alike(base: Folder, source: str) -> None:
  """Refuses folders that hold the same folders: parts or domains, hardly classes.

  Raises:
    InputError: If two hold the same class folders, two or more, and nothing else.
  """
  by_classes: dict[frozenset[str], list[str]] = {}
  for folder in base.class_folders:
    held = _classes(inside(folder))
    if len(held) > 1 and not folder.images_here:
      by_classes.setdefault(frozenset(held), []).append(folder.name)
  for shared, names in by_classes.items():
    if len(names) > 1:
      raise InputError(
        f"{source}: {_listed(names)} hold the same folders ({_listed(sorted(shared))}): "
        "if they are parts of the data, call them train and test, or give one of them; "
        "if they are classes, put the images of each into its folder itself"
      )


def _listed(names: Sequence[str]) -> str:
  said = ", ".join(map(repr, names[:3]))
  return said if len(names) <= 3 else f"{said} and {len(names) - 3} more"


def parts_inside_classes(base: Folder, source: str) -> list[str]:
  """Returns the names of the parts into which the class folders are divided.

  Args:
    base: The folder that holds classes or parts.
    source: What to call the data set in a message.

  Returns:
    Names such as `train` and `test`; none where class folders are not divided.

  Raises:
    InputError: If some class folders are divided and others are not.
  """
  classes = base.class_folders
  if len(classes) < 2 or any(part_kind(f.name) is not None for f in classes):
    return []
  found = {
    folder.name: {f.name for f in folder.class_folders if part_kind(f.name) is not None}
    for folder in classes
  }
  divided = [n for n, names in found.items() if len(set(map(part_kind, names))) > 1]
  if not divided:
    return []
  if whole := [name for name, names in found.items() if not names]:
    raise InputError(
      f"{source}: class {divided[0]!r} is divided into "
      f"{' and '.join(sorted(found[divided[0]]))}, class {whole[0]!r} is not: divide all "
      "classes in one way"
    )
  return sorted(set().union(*found.values()))
