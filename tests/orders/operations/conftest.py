"""What tests of operations stand on."""

from tests.reference_inventory import remote, remote_in_a_hurry

__all__ = ["remote", "remote_in_a_hurry"]
