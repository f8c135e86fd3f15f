"""Which folders of a data set are its classes, and which are its parts: the one rule.

1. Hidden entries, and what archivers and systems leave behind (`__MACOSX`, `Thumbs.db`),
   are no part of the data set.
2. A folder that holds nothing but one other folder, which holds class folders, is a
   wrapper (`photos/photos/...`); so is one in which a single folder holds parts, and the
   others hold no folders (`data` beside `docs`). The search goes on inside. A folder with
   the name of a part is none.
3. Names of parts, in any case: train, test, val, valid, validation, dev, eval, trainval
   and their longer forms, also with a word behind them (`training_set`, `test data`). A
   name that holds one of them among other words or numbers (`seg_train`, `val2017`) is
   one where its folder shares a class with another part.
4. Where folders of two kinds (training, test, validation) have such names and one of them
   holds class folders, those that do are the parts. Classes may lie one folder deeper
   (`train/images/...`). Images beside the class folders, and other folders beside the
   parts, are left out.
5. Where there is one kind only, its folder is a part if it stands alone, or is built
   otherwise than the folders beside it (it holds most of its images in sub-folders and
   they do not), or shares a class with one of them. Otherwise it is a class like them: a
   class called `train` beside `car` and `plane`.
6. Where class folders are themselves divided into such parts (`rose/train`, `rose/test`),
   these are the parts; all class folders have to be. Images beside them are left out.
7. Folders of other names that hold the same class folders, two or more, are refused: they
   may be parts or domains (`fold1` and `fold2`), and would be ranked as classes.
8. All else are classes, one per folder; images in their sub-folders count for them. A
   class has one name however Unicode spells it; `Cat` and `cat` are two.

What is no class, no part and no image of a class is counted and said.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from lead_jax.data._dataset import SkippedEntry
from lead_jax.data._part_folders import find_parts, parts_inside_classes, unwrap
from lead_jax.data._parts import choose_parts, likely_kind, part_kind, part_note
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
  base, beside = unwrap(tree)
  inner = parts_inside_classes(base, source)
  parts = {} if inner else find_parts(base, source)
  names = sorted(parts) if parts else inner
  chosen, split = choose_parts(names, split, source, likely_kind)
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
