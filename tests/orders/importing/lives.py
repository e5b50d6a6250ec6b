"""What became of imported orders, as their events tell it."""

from events.models import Event


def life_of(reference: str = "r1") -> list[tuple[str, str]]:
    """Each operation of the order with that reference, and when it happened: `[("place", "2017-03-01 10:00"), …]`."""
    events = Event.objects.filter(data__order__external_reference=reference).order_by("sequence")
    return [(event.data["operation"], f"{event.occurred_at:%Y-%m-%d %H:%M}") for event in events]


def operations_of(reference: str = "r1") -> list[str]:
    return [operation for operation, _ in life_of(reference)]
