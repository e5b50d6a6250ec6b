"""How much of an order somebody may see."""

from enum import IntEnum


class Sight(IntEnum):
    """Each sees what the one before does, and more. `reading/seen.py` says what that is."""

    RECEIPT = 0  # that it is there, and how far it has come: what a change has to be answered with
    ORDER = 1  # all but what tells of a person
    CUSTOMER = 2  # contact, addresses and note too
