"""The tasks: nobody gets new code before the migration; every command and variable exists; only /tmp is written to."""

from __future__ import annotations

import re
from typing import Any

from tests.conftest import INFRA, Read, resources

CHECKOUT = INFRA.parent
PROCESSES = {
    "consumer": ["consume_events"],
    "migrate": ["migrate", "--no-input"],
    "placer": ["place_requested"],
    "relay": ["relay_events"],
    "sweeper": ["sweep"],
    "web": ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "1"],
}


def containers(template: Read, stage: str) -> dict[str, dict[str, Any]]:
    """The one of each definition, by its name."""
    found = {}
    for definition in resources(template(stage, "Service"), "AWS::ECS::TaskDefinition").values():
        (container,) = definition["Properties"]["ContainerDefinitions"]
        found[container["Name"]] = container
    return found


def test_there_is_a_task_for_every_process(template: Read, stage: str) -> None:
    commands = {name: container["Command"] for name, container in containers(template, stage).items()}

    assert commands == {name: ["python", "manage.py", *command] for name, command in PROCESSES.items()}


def test_every_command_is_one_of_manage_py() -> None:
    known = {path.stem for path in CHECKOUT.glob("*/management/commands/*.py")} | {"migrate"}

    assert {command[0] for command in PROCESSES.values()} <= known


def test_every_service_waits_for_the_migration(template: Read, stage: str) -> None:
    service = template(stage, "Service")
    (migration,) = resources(service, "Custom::Migration")

    services = resources(service, "AWS::ECS::Service")

    assert len(services) == 5
    for each in services.values():
        assert migration in each["DependsOn"]


def test_the_migration_waits_until_its_task_may_read_image_and_secrets(template: Read, stage: str) -> None:
    service = template(stage, "Service")
    (migration,) = resources(service, "Custom::Migration").values()

    policies = {name for name in resources(service, "AWS::IAM::Policy") if name.startswith("MigrateTask")}

    assert len(policies) == 2
    assert policies <= set(migration["DependsOn"])


def test_a_deployment_leaves_alone_how_many_there_are_where_scaling_says_it(template: Read, stage: str) -> None:
    service = template(stage, "Service")
    scaled = len(resources(service, "AWS::ApplicationAutoScaling::ScalableTarget"))

    counts = [each["Properties"].get("DesiredCount") for each in resources(service, "AWS::ECS::Service").values()]

    assert counts.count(None) == scaled >= 1


def test_the_migration_runs_anew_for_each_definition_of_its_task(template: Read, stage: str) -> None:
    service = template(stage, "Service")
    (migration,) = resources(service, "Custom::Migration").values()
    definitions = resources(service, "AWS::ECS::TaskDefinition")

    named = migration["Properties"]["TaskDefinition"]["Ref"]

    assert definitions[named]["Properties"]["ContainerDefinitions"][0]["Name"] == "migrate"


def test_a_deployment_that_fails_is_taken_back(template: Read, stage: str) -> None:
    for service in resources(template(stage, "Service"), "AWS::ECS::Service").values():
        deployment = service["Properties"]["DeploymentConfiguration"]
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert deployment["MinimumHealthyPercent"] == 100


def test_no_task_is_root_or_writes_but_to_tmp_and_each_has_30_seconds_to_end(template: Read, stage: str) -> None:
    for container in containers(template, stage).values():
        assert container["User"] == "10001"
        assert container["ReadonlyRootFilesystem"] is True
        assert [mount["ContainerPath"] for mount in container["MountPoints"]] == ["/tmp"]
        assert container["StopTimeout"] == 30
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    assert re.search(r"--uid 10001\b", dockerfile)
    # Otherwise the volume there is root's.
    assert re.search(r"^VOLUME /tmp$", dockerfile, re.MULTILINE)


def test_no_task_has_a_public_address(template: Read, stage: str) -> None:
    for service in resources(template(stage, "Service"), "AWS::ECS::Service").values():
        network = service["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
        assert all("VpcTasksSubnet" in subnet["Fn::ImportValue"] for subnet in network["Subnets"])


def test_every_variable_stands_in_the_documentation(template: Read, stage: str) -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", (CHECKOUT / "docs" / "configuration.md").read_text()))

    for container in containers(template, stage).values():
        given = {each["Name"] for each in (*container["Environment"], *container["Secrets"])}
        assert given - documented == set()


def test_what_is_secret_comes_from_secrets_manager(template: Read, stage: str) -> None:
    for container in containers(template, stage).values():
        assert {secret["Name"] for secret in container["Secrets"]} == {"SECRET_KEY", "METRICS_TOKEN"}
        names = {variable["Name"] for variable in container["Environment"]}
        assert {"DATABASE_SECRET_ARN", "DATABASE_URL"} <= names
        assert not any(re.search("PASSWORD|TOKEN|KEY", name) for name in names)


def test_the_address_of_the_database_names_no_user_and_asks_for_tls(template: Read, stage: str) -> None:
    for container in containers(template, stage).values():
        (url,) = [each["Value"] for each in container["Environment"] if each["Name"] == "DATABASE_URL"]
        before, host, after = url["Fn::Join"][1]
        assert (before, list(host), after) == ("postgres://", ["Fn::ImportValue"], ":5432/orders?sslmode=require")


def test_the_relay_alone_sends_events_and_the_consumer_alone_receives_them(template: Read, stage: str) -> None:
    allowed = {
        policy["Properties"]["PolicyName"][:5]: {
            action
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        }
        for policy in resources(template(stage, "Service"), "AWS::IAM::Policy").values()
        if "TaskRole" in policy["Properties"]["PolicyName"]
    }

    assert {name for name, actions in allowed.items() if "sns:Publish" in actions} == {"Relay"}
    assert {name for name, actions in allowed.items() if "events:PutEvents" in actions} == {"Relay"}
    assert {name for name, actions in allowed.items() if "sqs:ReceiveMessage" in actions} == {"Consu"}
    assert all("secretsmanager:GetSecretValue" in actions for actions in allowed.values())


def test_the_load_balancer_is_inside_and_asks_whether_a_task_is_ready(template: Read, stage: str) -> None:
    service = template(stage, "Service")

    (balancer,) = resources(service, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    assert balancer["Properties"]["Scheme"] == "internal"
    (targets,) = resources(service, "AWS::ElasticLoadBalancingV2::TargetGroup").values()
    assert targets["Properties"]["HealthCheckPath"] == "/readyz"


def test_api_gateway_throttles_and_writes_down_who_called(template: Read, stage: str) -> None:
    (api_stage,) = resources(template(stage, "Service"), "AWS::ApiGatewayV2::Stage").values()

    assert api_stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] == 500
    assert "$context.identity.sourceIp" in api_stage["Properties"]["AccessLogSettings"]["Format"]


def test_production_web_grows_with_its_load(template: Read) -> None:
    targets = resources(template("production-eu", "Service"), "AWS::ApplicationAutoScaling::ScalableTarget")
    (web,) = [each["Properties"] for name, each in targets.items() if name.startswith("Web")]

    assert (web["MinCapacity"], web["MaxCapacity"]) == (2, 10)
