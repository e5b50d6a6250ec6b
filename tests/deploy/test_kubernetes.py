"""What can be known of deploy/kubernetes without a cluster: it is valid, consistent, and runs as it says it does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import urllib3
import yaml

from inventory_client.stock import set_stock_levels
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from orders_project.supervisor import STOP_SECONDS
from tests.chaos.live_server import environment
from tests.deploy.commands import ROOT, check, secrets, variables
from tests.deploy.releases import Server, manage

BASE: Final = ROOT / "deploy/kubernetes"
EXAMPLE: Final = ROOT / "deploy/kubernetes-example"
KUSTOMIZATION: Final = yaml.safe_load((BASE / "kustomization.yaml").read_text())


def objects(*paths: Path) -> list[dict[str, Any]]:
    return [found for path in paths for found in yaml.safe_load_all(path.read_text())]


OBJECTS: Final = objects(*(BASE / name for name in KUSTOMIZATION["resources"]))
WORKLOADS: Final = {
    found["metadata"]["name"]: found["spec"] for found in OBJECTS if found["kind"] in ("Deployment", "Job")
}
PODS: Final = {name: workload["template"]["spec"] for name, workload in WORKLOADS.items()}
CONFIGURATION: Final = dict(re.findall(r"^(\w+)=(.*)$", (BASE / "configuration.env").read_text(), re.MULTILINE))


def one(kind: str) -> dict[str, Any]:
    (found,) = [found for found in OBJECTS if found["kind"] == kind]
    return found


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_every_file_is_listed_and_valid():
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: tests/deploy/requirements.txt"
    )

    assert sorted([*KUSTOMIZATION["resources"], "kustomization.yaml"]) == sorted(p.name for p in BASE.glob("*.yaml"))
    for found in [*OBJECTS, *objects(EXAMPLE / "ingress.yaml", EXAMPLE / "secret.example.yaml")]:
        validate.validate(found, validate.latest_version(), strict=True)


def test_a_mistyped_field_is_not_valid():
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: tests/deploy/requirements.txt"
    )
    mistyped = yaml.safe_load(
        (BASE / "web.yaml").read_text().split("\n---")[0].replace("failureThreshold", "failureTreshold")
    )

    with pytest.raises(validate.ValidationError, match="failureTreshold"):
        validate.validate(mistyped, validate.latest_version(), strict=True)


@pytest.mark.parametrize(("directory", "image"), [(BASE, r":0\.1\.0"), (EXAMPLE, r"@sha256:[0-9a-f]{64}")])
def test_kustomize_puts_one_pinned_image_everywhere(directory: Path, image: str):
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed: what kustomize makes of the files was not looked at")
    made = subprocess.run(["kubectl", "kustomize", directory], capture_output=True, text=True, check=True).stdout

    images = [container["image"] for found in yaml.safe_load_all(made) for container in _containers_of(found)]

    assert len(images) == 11
    assert {bool(re.fullmatch(r"registry\.example\.com/order-service" + image, found)) for found in images} == {True}


def _containers_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    return containers(found["spec"]["template"]["spec"]) if found["kind"] in ("Deployment", "Job") else []


def test_every_process_of_the_service_runs_there_by_a_command_that_exists():
    commands = {name: check(pod["containers"][0]["command"]) for name, pod in PODS.items()}

    assert commands == {
        "migrate": "migrate",
        "web": "serve",
        "relay": "relay_events",
        "sweeper": "sweep",
        "placer": "place_requested",
        "consumer": "consume_events",
    }
    table = (ROOT / "docs/operating.md").read_text().split("\n## ")[0]
    assert set(re.findall(r"`manage\.py (\w+)` \|", table)) == set(commands.values()) - {"migrate"}
    assert {len(pod["containers"]) for pod in PODS.values()} == {1}


def test_nothing_starts_before_the_schema_is_that_of_its_code():
    waits = {name: pod.get("initContainers") for name, pod in PODS.items()}

    assert waits.pop("migrate") is None
    for name, (wait,) in waits.items():
        shell, option, script = wait["command"]
        loop = re.fullmatch(r"until (.+); do sleep \d+; done", script)
        assert (shell, option) == ("sh", "-c"), name
        assert loop is not None
        assert check(shlex.split(loop[1])) == "migrate"
        assert "--check" in shlex.split(loop[1])


def test_every_variable_exists_and_no_secret_is_among_what_is_not_secret():
    named = {entry["name"] for pod in PODS.values() for box in containers(pod) for entry in box.get("env", [])}
    (merged,) = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["configMapGenerator"]
    literals = {literal.partition("=")[0] for literal in merged["literals"]}
    secret = yaml.safe_load((EXAMPLE / "secret.example.yaml").read_text())["stringData"]

    assert named | literals | set(CONFIGURATION) | set(secret) <= variables()
    assert {"SECRET_KEY", "DATABASE_URL"} <= set(secret) <= secrets()
    assert (named | literals | set(CONFIGURATION)) & secrets() == set()


def test_all_pods_have_the_same_image_and_configuration():
    boxes = [box for pod in PODS.values() for box in containers(pod)]

    assert {box["image"] for box in boxes} == {"order-service"} == {image["name"] for image in KUSTOMIZATION["images"]}
    reference = [{"configMapRef": {"name": "order-service"}}, {"secretRef": {"name": "order-service"}}]
    assert [box["envFrom"] for box in boxes] == [reference] * len(boxes)
    assert [made["name"] for made in KUSTOMIZATION["configMapGenerator"]] == ["order-service"]


def test_selectors_find_what_they_mean():
    labels = {name: workload["template"]["metadata"]["labels"] for name, workload in WORKLOADS.items()}
    for name, workload in WORKLOADS.items():
        if name != "migrate":
            assert workload["selector"]["matchLabels"] == labels[name]
    web = PODS["web"]
    ports = {port["name"] for port in web["containers"][0]["ports"]}

    assert len({tuple(found.items()) for found in labels.values()}) == len(labels)
    assert one("Service")["spec"]["selector"] == labels["web"]
    assert {port["targetPort"] for port in one("Service")["spec"]["ports"]} == ports == {"http"}
    assert one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels["web"]
    assert one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "web"
    assert "replicas" not in WORKLOADS["web"]
    for spread in web["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels["web"]
    backend = objects(EXAMPLE / "ingress.yaml")[0]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": one("Service")["metadata"]["name"], "port": {"name": "http"}}


def test_every_pod_may_do_as_little_as_a_restricted_one():
    assert one("Namespace")["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    uid = int(re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())[0])
    for pod in PODS.values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": uid,
            "runAsGroup": uid,
            "fsGroup": uid,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for box in containers(pod):
            assert box["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert box["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in box["resources"]["limits"]


def test_what_is_written_is_in_a_volume_of_the_pod():
    for name, pod in PODS.items():
        volumes = {volume["name"] for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert set(mounts.values()) == volumes
        assert all("emptyDir" in volume for volume in pod["volumes"])
        assert sorted(mounts) == (["/run/metrics", "/tmp"] if name == "web" else ["/tmp"])
    assert PODS["web"]["containers"][0]["env"] == [{"name": "PROMETHEUS_MULTIPROC_DIR", "value": "/run/metrics"}]


def test_a_rollout_loses_no_request():
    web = PODS["web"]
    (box,) = web["containers"]
    word, seconds = box["lifecycle"]["preStop"]["exec"]["command"]

    assert WORKLOADS["web"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert word == "sleep"
    assert web["terminationGracePeriodSeconds"] >= int(seconds) + STOP_SECONDS
    probes = {name: box[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert probes == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


# --- With nothing to write to but the volumes ----------------------------------------------------------

# A mount namespace of its own, where everything is read-only but the directories given first, each of which is empty.
_READ_ONLY: Final = """
set -e
mount --make-rprivate /
for directory in $WRITABLE; do mount -t tmpfs tmpfs "$directory"; done
for directory in / "$(stat -c %m .)"; do mount -o remount,bind,ro "$directory"; done
if touch written 2>/dev/null; then echo 'The code can be written to.'; exit 99; fi
exec "$@"
"""


@pytest.mark.long
def test_it_runs_with_everything_read_only_but_the_volumes(storefront: Storefront, tmp_path: Path):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("Only root can mount: that the service runs with everything read-only was not tried")
    writable = {"/tmp": tmp_path / "tmp", "/run/metrics": tmp_path / "metrics"}
    for directory in writable.values():
        directory.mkdir()
    variables = environment(STATIC_ROOT=str(tmp_path / "static"), PYTHONDONTWRITEBYTECODE="1")
    assert manage(ROOT, variables, "collectstatic", "--no-input").returncode == 0
    variables |= {
        "WRITABLE": shlex.join(map(str, writable.values())),
        "TMPDIR": str(writable["/tmp"]),
        "PROMETHEUS_MULTIPROC_DIR": str(writable["/run/metrics"]),
        "METRICS_TOKEN": "seen",
    }
    set_stock_levels({"cup": 10})
    _, key = make_key(storefront, name="test", scopes=list(Scope))
    shut_in = ["unshare", "--mount", "sh", "-c", _READ_ONLY, "sh"]

    with Server(ROOT, variables, before=shut_in).running(tmp_path / "log") as web:
        placed = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}
        status, order = web.call("POST", "/api/v1/orders", placed, key=key)
        assert status == 201, order
        ready = urllib3.request("GET", f"http://127.0.0.1:{web.port}/readyz")
        assert (ready.status, ready.json()["checks"]["database"]["status"]) == (200, "ok")
        page = urllib3.request("GET", f"http://127.0.0.1:{web.port}/admin/login/")
        style = re.findall(r'href="(/static/[^"]+\.css)"', page.data.decode())[0]
        assert urllib3.request("GET", f"http://127.0.0.1:{web.port}{style}").status == 200
        metrics = urllib3.request(
            "GET", f"http://127.0.0.1:{web.port}/metrics", headers={"Authorization": "Bearer seen"}
        )
        assert b"orders_placements_total" in metrics.data
    for name in ("migrate", "relay", "sweeper", "placer", "consumer"):
        command = PODS[name]["containers"][0]["command"][2:]
        done = manage(ROOT, variables, *command, *(["--once"] if name != "migrate" else []), before=shut_in)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert name != "relay" or order["id"] in done.stdout
