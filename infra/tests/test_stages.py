"""What every stage has to be: fit for any account, in zones that exist, and with an image that is one for good."""

from __future__ import annotations

import re
from dataclasses import replace

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from app import FLAGS
from order_service.image import container_image
from order_service.stage import OrderService
from stages import STAGES, Domain, Settings
from tests.conftest import STACKS, resources, text_of

DEV = STAGES[0]
IMAGE = f"registry.example.com/orders@sha256:{'0' * 64}"


def test_names_are_of_one_stage_each() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize("stack", STACKS)
def test_no_account_and_no_zone_that_does_not_exist_stands_in_a_template(stage: str, stack: str) -> None:
    text = text_of(stage, stack)

    assert "dummy" not in text
    # Of AWS' own accounts that of the load balancers' logs, which differs by region.
    assert set(re.findall(r"(?<![\da-f])\d{12}(?![\da-f])", text)) <= {"156460612806", "783225319266", "000000000000"}


def test_a_zone_of_another_region_is_refused() -> None:
    with pytest.raises(ValueError, match="'dev' is in eu-west-1, but names the zone 'us-east-1a'"):
        replace(DEV, zones=("eu-west-1a", "us-east-1a"))


@pytest.mark.parametrize("name", ["registry.example.com/orders:latest", "orders@sha256:12"])
def test_an_image_without_a_digest_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name it by its digest"):
        container_image(cdk.Stack(), name, DEV)


def service_of(settings: Settings, image: str) -> Template:
    app = cdk.App(context=FLAGS)
    return Template.from_stack(OrderService(app, settings, image=image).service)


def test_an_image_of_ecr_is_pulled_with_rights_of_that_repository() -> None:
    service = service_of(DEV, f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/orders@sha256:{'0' * 64}")

    policies = [
        statement
        for policy in resources(service, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ecr:BatchGetImage" in statement["Action"]
    ]
    assert {statement["Resource"] for statement in policies} == {"arn:aws:ecr:eu-west-1:111122223333:repository/orders"}


def test_with_a_domain_everything_is_https_and_there_is_no_other_way_in() -> None:
    domain = Domain("orders.example.com", zone_name="example.com", zone_id="Z0000000000000")
    service = service_of(replace(DEV, domain=domain), IMAGE)

    (listener,) = resources(service, "AWS::ElasticLoadBalancingV2::Listener").values()
    (api,) = resources(service, "AWS::ApiGatewayV2::Api").values()
    (integration,) = resources(service, "AWS::ApiGatewayV2::Integration").values()
    (web,) = [
        each
        for each in resources(service, "AWS::ECS::TaskDefinition").values()
        if each["Properties"]["ContainerDefinitions"][0]["Name"] == "web"
    ]
    variables = {each["Name"]: each["Value"] for each in web["Properties"]["ContainerDefinitions"][0]["Environment"]}
    assert (listener["Properties"]["Port"], listener["Properties"]["Protocol"]) == (443, "HTTPS")
    assert api["Properties"]["DisableExecuteApiEndpoint"] is True
    assert integration["Properties"]["TlsConfig"] == {"ServerNameToVerify": "orders.example.com"}
    assert integration["Properties"]["RequestParameters"] == {"overwrite:header.host": "orders.example.com"}
    assert (variables["ALLOWED_HOSTS"], variables["HTTPS"]) == ("orders.example.com", "1")
