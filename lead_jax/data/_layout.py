"""Which folders of a data set are its classes, and which are its parts: the one rule.

1. Hidden entries, and what archivers and systems leave behind (`__MACOSX`, `Thumbs.db`),
   are no part of the data set.
2. A folder that holds nothing but one other folder, which holds class folders, is a
   wrapper (`photos/photos/...`); the search goes on inside. A folder with the name of a
   part is none.
3. Names of parts, in any case: train, test, val, valid, validation, dev, eval and their
   longer forms, also with a word behind them (`training_set`, `test data`).
4. Where folders of two kinds (training, test, validation) have such names and one of them
   holds class folders, those that do are the parts. Images beside the class folders, and
   other folders beside the parts, are left out.
5. Where there is one kind only, its folder is a part if it stands alone, or is built
   otherwise than the folders beside it (it holds most of its images in sub-folders and
   they do not), or shares a class with one of them. Otherwise it is a class like them: a
   class called `train` beside `car` and `plane`.
6. Where every class folder is itself divided into such parts (`rose/train`, `rose/test`),
   these are the parts.
7. All else are classes, one per folder; images in their sub-folders count for them. A
   class has one name however Unicode spells it; `Cat` and `cat` are two.

What is no class, no part and no image of a class is counted and said.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from lead_jax.checks import InputError
from lead_jax.data._dataset import SkippedEntry
from lead_jax.data._parts import choose_parts, part_kind, part_note
from lead_jax.data._tree import Folder, printable

# Reason of files that belong to no class.
BESIDE = "beside the class folders"


class Layout(NamedTuple):
  """How a folder is a data set.

  Attributes:
    classes: By class, all files of its folders in the chosen parts, by part and path.
    split: What was chosen, as `choose_parts` records it.
    note: The decision in a few words.
    left_out: What belongs to no class of the chosen parts.
    remarks: Folders that should hold classes or images and do not.
  """

  classes: dict[str, list[pathlib.Path]]
  split: str
  note: str
  left_out: list[SkippedEntry]
  remarks: list[SkippedEntry]


def find_layout(tree: Folder, split: str, source: str) -> Layout:
  """Finds the classes of a part; the rule stands above.

  Args:
    tree: The folder that a user named.
    split: `train`, `test` or `all`.
    source: What to call it in a message.

  Raises:
    InputError: If there is no such part, or parts have no class folders.
  """
  base, beside = _unwrap(tree)
  inner = _parts_inside_classes(base)
  parts = {} if inner else _parts(base, source)
  names = sorted(parts) if parts else inner
  chosen, split = choose_parts(names, split, source)
  note = _describe(base, tree, names, chosen)
  remarks: list[SkippedEntry] = []
  if inner:
    held = [(c.name, p) for c in base.class_folders for p in c.folders]
    held.sort(
      key=lambda pair: chosen.index(pair[1].name) if pair[1].name in chosen else 0
    )
    used = [(name, part) for name, part in held if part.name in chosen]
    others = [part for _, part in held if part.name not in chosen]
    beside = [*beside, base, *base.class_folders]
  elif chosen:
    used = [(c.name, c) for name in chosen for c in parts[name].folders]
    others = [folder for name, folder in parts.items() if name not in chosen]
    beside = [*beside, base, *(parts[name] for name in chosen)]
    strange = [f for f in base.folders if f.name not in parts]
    reason = "folder beside the parts of the data set"
    remarks += [_entry(f, reason) for f in strange]
  else:
    used, others, beside = [(c.name, c) for c in base.folders], [], [*beside, base]
  classes: dict[str, list[pathlib.Path]] = {}
  hidden = sum(f.hidden for f in beside)
  nested = sorted({name for name, folder in used if folder.images_below})
  if nested:
    more = f" and {len(nested) - 3} more" if len(nested) > 3 else ""
    said = f"images in sub-folders count for {', '.join(nested[:3])}{more}"
    note = f"{note}; {said}" if note else said
  for name, folder in used:
    files = list(folder.all_files())
    hidden += sum(f.hidden for f in folder.walk())
    remarks += [_remark(f, f.problem) for f in folder.walk() if f.problem]
    if files:
      classes.setdefault(name, []).extend(files)
    elif not folder.problem:
      remarks.append(_remark(folder, "class folder without images"))
  left_out = [_entry(f, "part of the data set that was not asked for") for f in others]
  left_out += [
    SkippedEntry(printable(file), BESIDE) for folder in beside for file in folder.files
  ]
  if hidden:
    left_out.append(SkippedEntry(printable(tree.path), "hidden", hidden))
  return Layout(classes, split, note, left_out, remarks)


def _unwrap(tree: Folder) -> tuple[Folder, list[Folder]]:
  """The folder that holds the classes or parts, and the wrappers around it."""
  wrappers = []
  while len(tree.folders) == 1:
    (inner,) = tree.folders
    if part_kind(inner.name) is not None or not _nests(inner):
      break
    wrappers.append(tree)
    tree = inner
  return tree, wrappers


def _nests(folder: Folder) -> bool:
  """Whether most images of a folder lie in its sub-folders."""
  return folder.images_below > folder.images_here


def _parts(base: Folder, source: str) -> dict[str, Folder]:
  """The parts by name; none where all folders are classes."""
  named = [f for f in base.class_folders if part_kind(f.name) is not None]
  if not named:
    return {}
  kinds = {part_kind(folder.name) for folder in named}
  others = [folder for folder in base.class_folders if folder not in named]
  divided = [folder for folder in named if folder.class_folders]
  if not divided and (len(kinds) > 1 or not others):
    raise InputError(
      f"{source}: {' and '.join(repr(f.name) for f in named)} hold images but no class "
      f"folders: put the images of each class into a folder of its own, such as "
      f"{named[0].name}/CLASS"
    )
  if len(kinds) == 1 and others and not _is_lone_part(divided, others):
    return {}
  return {folder.name: folder for folder in divided}


def _is_lone_part(divided: Sequence[Folder], others: Sequence[Folder]) -> bool:
  """Whether folders of one kind are parts, beside folders whose names say nothing."""
  classes = {inner.name for folder in divided for inner in folder.class_folders}
  theirs = {inner.name for folder in others for inner in folder.class_folders}
  if classes & theirs:
    return True
  return any(map(_nests, divided)) and not any(map(_nests, others))


def _parts_inside_classes(base: Folder) -> list[str]:
  """Names of the parts into which every class folder is divided; none otherwise."""
  classes = base.class_folders
  if len(classes) < 2 or any(part_kind(f.name) is not None for f in classes):
    return []
  found = set()
  for folder in classes:
    inside = folder.class_folders
    kinds = {part_kind(inner.name) for inner in inside}
    if folder.images_here or len(kinds - {None}) < 2:
      return []
    found |= {inner.name for inner in inside if part_kind(inner.name) is not None}
  return sorted(found)


def _describe(
  base: Folder, tree: Folder, names: Sequence[str], chosen: Sequence[str]
) -> str:
  """The decision in a few words."""
  words = []
  if chosen:
    words.append(part_note(chosen, names))
  elif any(part_kind(folder.name) is not None for folder in base.folders):
    called = [f.name for f in base.folders if part_kind(f.name) is not None]
    words.append(f"{' and '.join(called)} taken for a class, not a part")
  if base is not tree:
    where = base.path.relative_to(tree.path).as_posix()
    words.append(f"class folders in {printable(where)}/")
  return ", ".join(words)


def _entry(folder: Folder, reason: str) -> SkippedEntry:
  """A folder that is left out with all its files, hidden ones among them."""
  count = sum(len(inner.files) + inner.hidden for inner in folder.walk())
  return SkippedEntry(printable(folder.path), reason, count)


def _remark(folder: Folder, reason: str) -> SkippedEntry:
  """What is said of a folder whose files, if any, are counted elsewhere."""
  return SkippedEntry(printable(folder.path), reason, 0)
