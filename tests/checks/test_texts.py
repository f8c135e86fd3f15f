"""Strangers' text in one line, with nothing hidden in it."""

import os
import subprocess

import pytest

from lead_jax.checks import (
  InputError,
  clean,
  command_line,
  csv_cell,
  csv_text,
  file_name,
  file_names,
  one_line,
  printable,
  shown,
  visible,
)


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("two\n  lines\t", "two lines"),
    ("\x1b[31mred\x07", "?[31mred?"),
    ("a\u202eb\ufeff", "a?b?"),
    ("größe 5 × 3", "größe 5 × 3"),
    ("\ud800", "?"),
    (12.5, "12.5"),
    ("", ""),
  ],
)
def test_shown_text_is_one_line_of_what_can_be_printed(text, expected):
  assert shown(text) == expected


def test_shown_text_is_cut():
  assert shown("x" * 300) == "x" * 200
  assert shown("x" * 300, most=5) == "xxxxx"
  assert shown("x" * 300, most=None) == "x" * 300


def test_an_error_is_one_line():
  error = OSError(28, "No space\nleft")
  assert one_line(error) == "[Errno 28] No space left"
  assert one_line(error, most=10) == "[Errno 28]"
  assert one_line(error, with_type=True) == "OSError: [Errno 28] No space left"
  assert one_line(InputError("a\x1b[2J")) == "a?[2J"
  assert one_line(ValueError(" x " * 300)) == " ".join("x" * 300)


@pytest.mark.parametrize("with_type", [False, True])
def test_an_error_without_text_is_its_type(with_type):
  assert one_line(KeyboardInterrupt(), with_type=with_type) == "KeyboardInterrupt"


def test_visible_text_keeps_its_spaces_and_length():
  assert visible("a  b\n\x1b[31mc ") == "a  b [31mc "
  assert clean(" a\u202ec\x00 ") == "ac"
  assert len(visible("x" * 1000)) == 1000


def test_a_file_name_has_no_odd_letters():
  assert file_name("timm/vit_b.16 ü:*") == "timm_vit_b.16_ü__"


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("timm/a b", "timm_a_b"),
    ("../../evil/\x1b[31m", ".._.._evil___31m"),
    ("größe-1.5", "größe-1.5"),
    ("..", "__"),
    (".", "_"),
    ("", "_"),
    ("\udcff", "_"),
    ("con", "_con"),
    ("AUX.onnx", "_AUX.onnx"),
    ("C:\\nul", "C__nul"),
    ("LPT1", "_LPT1"),
    ("console", "console"),
    ("ends.", "ends_"),
    ("a:b", "a_b"),
  ],
)
def test_a_name_of_a_file_is_no_folder(text, expected):
  assert file_name(text) == expected


def test_a_long_name_of_a_file_is_cut_and_still_its_own():
  one, other = ("ü" * 300 + end for end in "ab")
  assert len(file_name(one).encode()) <= 180
  assert file_name(one) != file_name(other)


def test_no_two_names_share_a_file_on_any_disk():
  texts = ["a/b", "a_b", "A_b", "a/b", "c", "a b"]
  found = file_names(texts)
  assert list(found) == ["a/b", "a_b", "A_b", "c", "a b"]
  assert (found["a/b"], found["c"]) == ("a_b", "c")
  assert len({name.casefold() for name in found.values()}) == 5
  assert file_names([*texts, "C"])["a_b"] == found["a_b"]


@pytest.mark.parametrize(
  ("text", "cell"),
  [
    ("=1+1", "'=1+1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
    ("-2+3", "'-2+3"),
    ("\t=1", "'\t=1"),
    ("\r=1", "'\r=1"),
    ("'=1", "''=1"),
    ("-0.25", "-0.25"),
    ("+3", "+3"),
    ("-inf", "-inf"),
    ("-", "-"),
    ("resnet50", "resnet50"),
    ("'quoted'", "'quoted'"),
    ("", ""),
  ],
)
def test_a_cell_is_no_formula_and_comes_back(text, cell):
  assert csv_cell(text) == cell
  assert csv_text(cell) == text


def test_what_is_printed_is_obeyed_by_no_terminal():
  text = "\x1b[1mbold\x1b[0m\n\x1b]0;title\x07\x1b[2Jb\r\x9bc"
  assert printable(text, color=True) == "\x1b[1mbold\x1b[0m\n ]0;title [2Jb c"
  assert printable(text, color=False) == " [1mbold [0m\n ]0;title [2Jb c"


@pytest.mark.skipif(os.name == "nt", reason="there is no bash there")
@pytest.mark.parametrize(
  "word", ["plain", "two words", "it's", "\x1b[8m'\\n\n", "\u202eé"]
)
def test_a_command_is_read_by_a_shell_as_it_was(word):
  line = command_line(["printf", "%s", word])
  assert visible(line) == line
  said = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
  assert said.decode() == word
