"""What must come of every request: plain Python, written from the design and not from the code."""

import pytest

# Their assertions are the tests': a failing one tells what it compared.
pytest.register_assert_rewrite(f"{__name__}.order", f"{__name__}.witness")
