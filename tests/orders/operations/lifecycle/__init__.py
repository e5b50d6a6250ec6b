import pytest

# Their assertions are the tests': a failing one tells what it compared.
pytest.register_assert_rewrite(f"{__name__}.every_sequence", f"{__name__}.order_rules")
