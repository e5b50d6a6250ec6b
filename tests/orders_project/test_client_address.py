import pytest

from orders_project.client_address import address_behind, client_address, network_of

PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "expected"),
    [
        (0, "203.0.113.9", PROXY),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (1, "6.6.6.6,203.0.113.9,", "203.0.113.9"),
        (2, "203.0.113.9", "203.0.113.9"),
        (1, "", PROXY),
        (1, "203.0.113.9:52100", "203.0.113.9"),
        (1, "[2001:DB8::0:1]:443", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "unknown", PROXY),
        (1, "6.6.6.6, <script>", PROXY),
    ],
)
def test_the_client_is_who_the_trusted_proxies_say(proxies, forwarded_for, expected):
    assert address_behind(proxies, remote=PROXY, forwarded_for=forwarded_for) == expected


def test_the_number_of_proxies_is_a_setting(settings):
    meta = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9, 10.0.0.2"}

    found = []
    for settings.TRUSTED_PROXIES in (0, 1, 2):
        found.append(client_address(meta))

    assert found == [PROXY, "10.0.0.2", "203.0.113.9"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:bbbb::2", "2001:db8:0:1::/64"),
        ("", ""),
    ],
)
def test_addresses_of_one_ipv6_network_count_as_one(address, network):
    assert network_of(address) == network
