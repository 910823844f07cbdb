from occam.core.text_table import table


def test_columns_line_up_and_numbers_are_to_the_right():
    lines = table(("a", "bb"), [("long name", 0.5), ("x", 12)]).splitlines()
    assert lines == ["a             bb", "long name  0.500", "x             12"]


def test_no_rows():
    assert table(("a", "b"), []) == "a  b"
