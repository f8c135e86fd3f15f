"""Numbers as people read them."""

import pytest

from lead_jax.report import _words as words


@pytest.mark.parametrize(
  ("shown", "expected"),
  [
    (words.significant(-0.123456), "−0.1235"),
    (words.significant(123456.0), "1.235e+05"),
    (words.significant(-2.5e-7), "−2.5e-07"),
    (words.significant(None), "–"),
    (words.interval(-0.31234, -0.20981), "−0.31 … −0.21"),
    (words.interval(0.5, 0.5), "0.5 … 0.5"),
    (words.interval(12000.0, 12345.0), "1.200e+04 … 1.234e+04"),
    (words.count(999_960), "1.0M"),
    (words.count(3_200_000), "3.2M"),
    (words.count(900), "900"),
    (words.tau(0.8234), "0.82"),
    (words.tau(-0.001), "0.00"),
    (words.tau(-0.154), "−0.15"),
    (words.tau(1.0), "1.00"),
    (words.percent(0.7125), "71 %"),
    ([words.share(p) for p in (0.0, 0.005, 0.006)], ["<1 %", "<1 %", "1 %"]),
    ([words.share(p) for p in (0.99, 0.995, 1.0)], ["99 %", ">99 %", ">99 %"]),
    (words.span(3, 3), "3"),
    (words.span(3, 7), "3–7"),
    ([words.ordinal(n) for n in (1, 22, 3, 12)], ["1st", "22nd", "3rd", "12th"]),
    (words.plain(words.names("abc")), "a, b and c"),
    (words.plain(words.names("abcde", 3)), "a, b and 3 more"),
    (words.plural(1, "model"), "1 model"),
    (words.plural(1200, "class", "classes"), "1,200 classes"),
    (words.beginning("word " * 20), "word word word word word word word word …"),
    (words.clean("a\x1b[31mb"), "a [31mb"),
    (words.clean("a\x00b\u202ec\nd\ud800 "), "a bc d?"),
  ],
)
def test_words(shown, expected):
  assert shown == expected
