"""The files for containers and Kubernetes: well-formed, safe, and setting what the product knows."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.servers.product import Server, settings

from copilot.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/copilot"
OWN_SHOP = "settings.COPILOT_ORDER_SYSTEM=rest:/etc/copilot/shop.yaml"
KNOWN = {f"COPILOT_{name.upper()}" for name in Settings.model_fields}
EVERYTHING = [
    OWN_SHOP,
    "ingress.enabled=true",
    "ingress.tlsSecret=cert",
    "serviceMonitor.enabled=true",
    "api.autoscaling.enabled=true",
    "llm.baseUrl=http://llm:8080/v1",
    "secrets.llm.name=copilot-llm",
    "settings.COPILOT_REQUESTS_PER_MINUTE=12000",
]


def helm(*arguments):
    return subprocess.run(  # noqa: S603 - our own words
        [shutil.which("helm"), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def rendered(*values):
    said = helm("template", "desk", CHART, *(part for value in values for part in ("--set", value)))
    assert said.returncode == 0, said.stderr
    return [document for document in yaml.safe_load_all(said.stdout) if document]


def of_kind(documents, kind):
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


def pods(documents):
    return [d["spec"]["template"]["spec"] for d in documents if d["kind"] in {"Deployment", "Job"}]


def environment(deployment):
    """What it sets; None for what comes from a secret."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def names(container):
    return {variable["name"] for variable in container["env"]}


@pytest.mark.parametrize("values", [[OWN_SHOP], EVERYTHING], ids=["with an order system", "with everything"])
def test_the_chart_is_well_formed(values):
    said = helm("lint", "--strict", CHART, *(part for value in values for part in ("--set", value)))
    assert said.returncode == 0, said.stdout
    kinds = {document["kind"] for document in rendered(*values)}
    assert {"Deployment", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy"} <= kinds
    extras = {"HorizontalPodAutoscaler", "Ingress", "ServiceMonitor"}
    assert extras & kinds == (extras if values is EVERYTHING else set())


@pytest.mark.parametrize("values", [[OWN_SHOP], EVERYTHING], ids=["with an order system", "with everything"])
def test_no_container_may_do_more_than_it_needs(values):
    for pod in pods(rendered(*values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]["memory"]
            assert container["resources"]["limits"]["memory"]
            assert not container["image"].endswith(":latest")
            written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            assert written == {"/data", "/tmp"}  # noqa: S108 - in the container


def test_the_chart_holds_no_secret_and_sets_only_what_the_product_knows():
    for pod in pods(rendered(*EVERYTHING)):
        for container in pod["containers"]:
            assert names(container) <= KNOWN
            for variable in container["env"]:
                if (
                    re.search(r"_URL$|_KEY$|PASSWORD", variable["name"])
                    and "LLM_BASE" not in variable["name"]
                ):
                    assert "secretKeyRef" in variable["valueFrom"], variable
    assert not of_kind(rendered(*EVERYTHING), "Secret")


def test_one_server_does_the_backgrounds_work_and_is_never_two():
    deployments = of_kind(rendered(OWN_SHOP), "Deployment")
    background = {name: environment(d)["COPILOT_BACKGROUND_WORK"] for name, d in deployments.items()}
    assert background == {"desk-api": "false", "desk-worker": "true"}
    assert deployments["desk-worker"]["spec"]["replicas"] == 1
    assert deployments["desk-worker"]["spec"]["strategy"] == {"type": "Recreate"}
    assert deployments["desk-api"]["spec"]["replicas"] == 2


def test_metrics_are_read_from_the_worker_too_which_alone_knows_how_long_things_wait():
    documents = rendered(*EVERYTHING)
    (monitor,) = of_kind(documents, "ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    watched = [s for s in of_kind(documents, "Service").values() if wanted <= s["metadata"]["labels"].items()]
    for deployment in of_kind(documents, "Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        assert [s for s in watched if s["spec"]["selector"].items() <= labels], deployment["metadata"]["name"]


def test_the_schema_is_brought_up_to_date_first_and_granted_to_the_servers_role():
    (job,) = of_kind(rendered(OWN_SHOP), "Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate", "--grant", "copilot_app"]


def test_several_servers_without_redis_are_refused_with_a_reason():
    said = helm("template", "desk", CHART, "--set", OWN_SHOP, "--set", "secrets.redis.name=")
    assert said.returncode != 0
    assert "need Redis: set secrets.redis.name" in said.stderr


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["settings.COPILOT_ORDER_SYSTEM=embedded"],
        ["settings.COPILOT_ORDER_SYSTEM=stripe+embedded"],
        ["api.replicas=1", "api.autoscaling.enabled=true"],
    ],
)
def test_several_servers_with_a_demo_shop_each_are_refused_with_a_reason(values):
    said = helm("template", "desk", CHART, *(part for value in values for part in ("--set", value)))
    assert said.returncode != 0
    assert "cannot share the embedded order system: set settings.COPILOT_ORDER_SYSTEM" in said.stderr


def test_one_server_may_have_the_demo_shop():
    assert of_kind(rendered("api.replicas=1"), "Deployment")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("api.replica=3", "replica"),
        ("api.replicas=two", "replicas"),
        ("settings.requests_per_minute=1", "requests_per_minute"),
        ("llm.baseUrl=llm:8080", "baseUrl"),
    ],
)
def test_a_value_that_the_chart_does_not_know_is_refused_by_name(value, named):
    said = helm("template", "desk", CHART, "--set", OWN_SHOP, "--set", value)
    assert said.returncode != 0
    assert "schema" in said.stderr
    assert named in said.stderr


def test_only_named_peers_may_speak_to_the_pods():
    (policy,) = of_kind(rendered(OWN_SHOP), "NetworkPolicy").values()
    (rule,) = policy["spec"]["ingress"]
    assert {"podSelector": {}} in rule["from"]
    (closed,) = of_kind(rendered(OWN_SHOP, "networkPolicy.ingressFrom=null"), "NetworkPolicy").values()
    assert "ingress" not in closed["spec"]
    assert "Ingress" in closed["spec"]["policyTypes"]


def test_the_compose_file_sets_only_what_the_product_knows_and_opens_nothing_to_others():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    for name in ("migrate", "api", "worker"):
        service = services[name]
        assert set(service["environment"]) <= KNOWN, name
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert [port for s in services.values() for port in s.get("ports", [])] == ["127.0.0.1:8080:8080"]
    for name, service in services.items():
        image = service["image"]
        assert image == "copilot" or re.search(r":[a-z-]*\d", image), f"{name}: {image} names no version"
        for needed in service.get("depends_on", {}).values():
            assert needed["condition"] in {"service_healthy", "service_completed_successfully"}
    used = {secret for s in services.values() for secret in s.get("secrets", [])}
    assert used == set(compose["secrets"])
    assert services["api"]["environment"]["COPILOT_BACKGROUND_WORK"] == "false"


def test_the_image_is_made_by_the_installer_and_runs_as_nobody_special():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert not [line for line in lines if line.startswith("ADD") or "curl" in line]
    assert any("scripts/_install.py --with postgres --with redis" in line for line in lines)
    variables = re.findall(r"COPILOT_\w+", "\n".join(lines))
    assert set(variables) <= KNOWN
    assert {".git", ".venv", ".copilot"} <= set((ROOT / ".dockerignore").read_text().split())


def test_the_proxy_lets_streams_through():
    text = (DEPLOY / "nginx.conf").read_text()
    api = re.search(r"location / \{(.*?)\}", text).group(1)
    assert "proxy_buffering off" in api
    assert "location /metrics { return 404; }" in text


@pytest.mark.slow
async def test_the_product_starts_with_exactly_what_the_chart_sets(tmp_path, postgres, redis):
    deployment = of_kind(rendered("api.replicas=1"), "Deployment")["desk-api"]
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef" * 4 + "\n")
    secret.chmod(0o440)
    given = {
        "COPILOT_DATABASE_URL": postgres.database(),
        "COPILOT_REDIS_URL": redis.url,
        "COPILOT_SECRET_FILE": str(secret),
    }
    wanted = environment(deployment) | given
    assert set(wanted) == set(environment(deployment))
    assert None not in wanted.values()
    image = {"data_dir": tmp_path / "data", "knowledge_dir": ROOT / "knowledge"}
    server = Server({**settings(**image), **wanted})
    await server.start()
    ready = await server.until(ready=True, seconds=5)
    await server.stop()
    assert set(ready["checks"]) >= {"database", "index", "redis"}
    assert json.dumps(ready)
