import pytest

from events.feed.cursors import Cursor


@pytest.mark.parametrize("position", [0, 1, 4711, 2**63 - 1])
def test_a_cursor_is_read_as_it_was_told(position):
    assert Cursor.read(str(Cursor(3, position))) == Cursor(3, position)


@pytest.mark.parametrize(
    "text", ["", "1", "_" * 16, "AAAAAwAAAAAAAAAB ", "AAAAAwAAAAAAAAA=", "AAAAA/////////8=", "ä", "\0"]
)
def test_anything_else_is_none(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever it is made
        Cursor.read(text)
