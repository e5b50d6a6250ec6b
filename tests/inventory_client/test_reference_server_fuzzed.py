import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from inventory_client.server.wsgi import InventoryApplication

schema = schemathesis.openapi.from_wsgi("/openapi.yaml", InventoryApplication())

(positive_data_acceptance,) = CHECKS.get_by_names(["positive_data_acceptance"])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_server_keeps_its_contract_whatever_it_is_sent(case):
    # To JSON Schema 1.0 is an integer; the contract wants it written as one.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
