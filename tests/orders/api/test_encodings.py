"""Which clients take gzip."""

import pytest
from django.test import RequestFactory

from orders.api.encodings import accepts_gzip


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0.001, *;q=0", True),
        ("gzip;q=1.0", True),
        ("", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("br, gzip; q=0.000 , deflate", False),
        ("x-gzip-not", False),
    ],
)
def test_only_who_names_it_and_does_not_forbid_it(header, accepted):
    assert accepts_gzip(RequestFactory().get("/", headers={"Accept-Encoding": header})) is accepted
