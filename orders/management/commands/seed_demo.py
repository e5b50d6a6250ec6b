"""`manage.py seed_demo`: a shop to try things on."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.demo import make_demo, read_facts, write_facts


class Command(BaseCommand):
    help = (
        "Make the demo: two storefronts with API keys, stock, a login for each staff group. What exists is kept. "
        "The facts, secrets among them, go to .demo.json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base-url", default="http://127.0.0.1:8000")
        parser.add_argument("--facts", type=Path, default=settings.BASE_DIR / ".demo.json")

    def handle(self, *args: Any, base_url: str, facts: Path, **options: Any) -> None:
        _require_writable(facts)
        made = make_demo(read_facts(facts), base_url=base_url.rstrip("/"))
        write_facts(facts, made)
        self.stdout.write(
            f"The demo has {len(made['storefronts'])} storefronts, {len(made['products'])} products and "
            f"{len(made['staff'])} staff logins; {facts} has their keys and passwords."
        )


def _require_writable(facts: Path) -> None:
    """Before anything is made, because the secrets of what is made are told nowhere else."""
    try:
        facts.open("a").close()
    except OSError as error:
        raise CommandError(f"{facts} cannot be written: {error.strerror}. Name another file by --facts.") from error
