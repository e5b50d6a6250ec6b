"""Which modules `script/mutate` plants faults in, and which tests are asked whether they notice them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
OPERATIONS: Final = "tests/orders/operations"


class Part(NamedTuple):
    """Modules, or folders of them; and the tests of those that have no line of their own in TESTS."""

    modules: Sequence[str]
    tests: Sequence[str]

    def files(self) -> Iterator[str]:
        for module in self.modules:
            path = ROOT / module
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                if file.parent.name != "migrations":
                    yield str(file.relative_to(ROOT))


def _quick_first(folder: str, *quick: str) -> str:
    """All tests of the folder, these before the others."""
    others = sorted(str(file.relative_to(ROOT)) for file in (ROOT / folder).glob("test_*.py"))
    return " ".join(dict.fromkeys([*(f"{folder}/test_{name}.py" for name in quick), *others]))


_API: Final = "tests/orders/api"
_LEDGER: Final = [
    "test_contract.py",
    "test_pages.py",
    "test_ledger_balance.py",
    "test_concurrency.py",
    "test_database_trouble.py",
]
_IMPORTING: Final = _quick_first(
    "tests/orders/importing",
    *["repeats", "repeated_in_file", "dry_run", "csv", "history_in_parts", "history", "refusals"],
)
PARTS: Final = {
    "rules": Part(["orders/rules"], ["tests/orders/rules"]),
    "operations": Part(["orders/operations"], [OPERATIONS]),
    "ledger": Part(
        ["inventory_client/ledger.py"],
        [*(f"tests/inventory_client/{name}" for name in _LEDGER), f"{_API}/test_batch.py"],
    ),
    "events": Part(["events"], _quick_first("tests/events", "append", "schemas", "lag").split()),
}
# Those who know the module: the whole suite for each of a thousand faults would take days.
TESTS: Final[dict[str, Sequence[str]]] = {
    "orders/rules/staff_groups.py": ["tests/orders/admin/test_staff_groups.py"],
    **{
        f"events/{module}.py": _quick_first("tests/events", *quick.split()).split()
        for module, quick in {
            "admin": "events_admin",
            "cloudevents": "envelope",
            "delivery": "relay relay_transaction",
            "lag": "lag",
            "management/commands/outbox": "outbox_command",
            "management/commands/relay_events": "relay_command",
            "parked": "outbox_command events_admin",
            "queue": "relay relay_transaction",
            "relay": "relay relay_transaction",
            "replaying": "outbox_command",
            "schemas": "schemas",
            "sinks/aws": "aws_sinks",
            "sinks/configured": "sinks checks",
            "sinks/console": "sinks",
            "sinks/eventbridge": "aws_sinks",
            "sinks/filtered": "sinks",
            "sinks/kafka": "kafka_sink",
            "sinks/loop_thread": "broker_sinks",
            "sinks/memory": "sinks relay",
            "sinks/nats_jetstream": "broker_sinks",
            "sinks/ndjson_file": "ndjson_file_sink",
            "sinks/rabbitmq": "broker_sinks",
            "sinks/redis_streams": "broker_sinks",
            "sinks/sns": "aws_sinks",
            "sinks/sqs": "aws_sinks",
            "views": "schemas",
            "metrics": "lag",
            "outbox": "append",
            "pauses": "relay",
            "schema_fields": "schemas",
            "slimming": "aws_sinks",
            "urls": "schemas",
        }.items()
    },
    **{
        str(file.relative_to(ROOT)): _quick_first(f"tests/events/{folder}").split()
        for folder in ("feed", "inbox", "webhooks")
        for file in (ROOT / "events" / folder).rglob("*.py")
    },
    "events/asyncapi.py": ["tests/orders/announcing/test_event_documents.py"],
    "events/checks.py": ["tests/events/test_checks.py", "tests/events/inbox/test_sources.py"],
    "events/erasing.py": [f"{OPERATIONS}/test_erasing.py", f"{OPERATIONS}/test_erasing_everywhere.py"],
    "events/management/commands/consume_events.py": _quick_first("tests/events/inbox").split(),
    "events/management/commands/inbox.py": _quick_first("tests/events/inbox").split(),
    "events/management/commands/webhooks.py": _quick_first("tests/events/webhooks").split(),
    **{
        f"orders/operations/{module}.py": [path.format(own=OPERATIONS, api=_API) for path in tests.split()]
        for module, tests in {
            "abandoned_holds": "{own}/test_sweep.py tests/chaos/test_held_up_commit.py "
            "tests/chaos/test_killed_placement.py",
            "amending": "{own}/test_amend.py tests/chaos/test_races.py",
            "amendment": "{own}/test_amend.py {own}/test_credits.py",
            "before_canceled": "{own}/test_reinstate.py",
            "bulk_pieces": "{own}/test_bulk_runs.py",
            "bulk_runs": "{own}/test_bulk_runs.py tests/orders/admin/test_bulk_run_pages.py",
            "call": "{api}/test_dry_run.py {api}/test_operations_preconditions.py {api}/test_what_a_key_sees.py "
            "tests/orders/importing/test_history.py",
            "changing_requests": "tests/orders/incoming/test_customers.py",
            "customers": "{own}/test_customer_check.py {own}/test_hostile_customer_service.py",
            "erasing": "{own}/test_erasing.py {own}/test_erasing_everywhere.py {own}/test_erasing_many.py",
            "erasing_requests": "tests/orders/requested/test_people.py",
            "placing_requested": "tests/orders/requested/test_placing.py tests/orders/requested/test_backlog.py",
            "placing_together": "tests/chaos/test_placed_together.py",
            "redacting": "{own}/test_erasing.py {own}/test_erasing_what_endpoints_answer.py",
            "rejecting": "tests/orders/requested/test_placing.py tests/orders/requested/test_people.py",
            "requesting": "tests/orders/requested/test_asking.py tests/orders/requested/test_by_event.py",
            "retention": "{own}/test_retention.py tests/orders/requested/test_people.py",
            "stored_answers": "{own}/test_erasing.py {own}/test_erasing_many.py {own}/test_retention.py",
            "stored_rows": "{own}/test_shipments.py {own}/test_returns.py {own}/test_amend.py",
            "unwritten": "tests/orders/importing/test_written_at_once.py tests/orders/importing/test_history.py",
            "changed_rows": "{own}/test_returns.py {own}/test_amend.py {own}/test_shipments.py",
            "claiming": "{own}/test_claims.py",
            "commenting": "{own}/test_comments.py",
            "crediting": "{own}/test_credits.py {own}/test_cancel.py {own}/test_reinstate.py",
            "holding_again": "{own}/test_restore.py {own}/test_reinstate.py tests/chaos/test_restored_meanwhile.py "
            "tests/chaos/test_swept_meanwhile.py",
            "reinstating": "{own}/test_reinstate.py tests/chaos/test_restored_meanwhile.py",
            "summing_days": "{own}/test_sales_days.py tests/orders/admin/test_home_chart.py",
            "undoing": "{own}/test_undo.py",
            "canceling": "{own}/test_cancel.py {own}/test_sweep.py",
            "carriers": "{own}/test_carriers.py",
            "comparing_stock": "{own}/test_reconcile_stock.py",
            "committing": "{api}/test_dry_run.py {api}/test_operations_idempotency.py {own}/test_limits.py "
            "{own}/test_restore.py {own}/test_delete_and_restore.py {own}/test_inventory_trouble.py "
            "tests/orders/reading/test_timeline.py",
            "constraints": "{own}/test_payments.py {api}/test_references.py {api}/test_idempotency.py",
            "confirming": "{own}/test_confirm.py {own}/test_extend.py {own}/test_policies.py",
            "database_time": "{own}/test_host_clocks.py",
            "deleting": "{own}/test_restore.py {own}/test_delete_and_restore.py {own}/test_voids.py "
            "tests/chaos/test_swept_meanwhile.py "
            "tests/chaos/test_restored_meanwhile.py {api}/test_operations_idempotency.py {api}/test_dry_run.py",
            "details": "{own}/test_tags.py {api}/test_versions.py {own}/test_customer_check.py "
            "{api}/test_what_a_key_sees.py",
            "due_orders": "{own}/test_sweep.py {own}/test_policies.py {own}/test_deliver_and_complete.py "
            "{own}/test_failing_upkeep.py",
            "failing_upkeep": "{own}/test_failing_upkeep.py",
            "holding": "{own}/test_order_holds.py",
            "idempotency": "{api}/test_idempotency.py {api}/test_operations_idempotency.py",
            "import_attempts": _IMPORTING,
            "importing": _IMPORTING,
            "inventory_answers": "{own}/test_inventory_trouble.py {own}/test_amend.py",
            "keeping_forms": "tests/orders/admin/operations/test_lost_sessions.py",
            "kill_points": "tests/chaos/test_killed_placement.py tests/chaos/test_killed_amendment.py",
            "known_orders": _IMPORTING,
            "looking": "tests/orders/admin/test_home_claims.py",
            "locked_order": "{api}/test_operations_preconditions.py {api}/test_operations_idempotency.py "
            "{api}/test_dry_run.py {own}/test_delete_and_restore.py {own}/test_shipments.py {own}/test_returns.py",
            "moving_forward": _IMPORTING,
            "obstacles": "{own} {api}/test_actions.py",
            "past_operations": _IMPORTING,
            "payments": "{own}/test_payments.py {own}/test_refunds.py",
            "performing": "{api}/test_bulk.py {api}/test_bulk_lock_order.py {api}/test_first_version.py",
            "placing": "{own}/test_place_order.py {api}/test_idempotency.py {api}/test_batch.py "
            "{own}/test_inventory_trouble.py tests/chaos/test_written_too_late.py",
            "placing_at_once": "{own}/test_place_order.py {api}/test_batch.py tests/chaos/test_placed_together.py "
            "tests/chaos/test_written_too_late.py",
            "placing_imported": "tests/orders/importing/test_placing.py",
            "recounting_stock": "{own}/test_reconcile_stock.py tests/inventory_client/test_recounting.py",
            "refund_decisions": "{own}/test_facts_in_any_order.py {own}/test_refunds.py {own}/test_voids.py "
            "{own}/test_reinstate.py {own}/test_credits.py",
            "refunds": "{own}/test_refunds.py {own}/test_cancel.py {own}/test_voids.py {own}/test_credits.py",
            "repairing_stock": "{own}/test_reconcile_stock.py",
            "returns": "{own}/test_returns.py",
            "settling": "{own}/test_inventory_trouble.py {own}/test_failing_upkeep.py {own}/test_sweep.py "
            "tests/chaos/test_slow_inventory.py",
            "shipping": "{own}/test_shipments.py {own}/test_deliver_and_complete.py {own}/test_carriers.py",
            "units": "{own}/test_cancel.py {own}/test_shipments.py {own}/test_returns.py {own}/test_refunds.py",
            "writing": "{own}/test_place_order.py {api}/test_idempotency.py {api}/test_batch.py "
            "tests/chaos/test_written_too_late.py",
        }.items()
    },
}
