"""The attacks of the specification, one by one, each by a test that stands by itself.

`ATTACKS` are its numbers; a test, or a file that is about one alone, begins with ``test_aNN_``.
"""

ATTACKS = (
    1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 19, 21, 22, 24, 25, 26, 28, 29, 30, 33, 34,
    35, 36, 37, 39, 40, 42, 44, 45, 46, 47, 48, 51, 52, 54, 55, 56, 58, 59, 60, 61, 63, 64, 65,
)  # fmt: skip
