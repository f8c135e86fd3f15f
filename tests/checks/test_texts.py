"""Strangers' text in one line, with nothing hidden in it."""

import pytest

from lead_jax.checks import InputError, clean, file_name, one_line, shown, visible


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
  ],
)
def test_a_name_of_a_file_is_no_folder(text, expected):
  assert file_name(text) == expected
