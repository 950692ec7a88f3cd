"""A job as a pod: the operator of docs/scale.md, built as Airflow would build it, over the pod template that ships.

Wants Airflow's provider for Kubernetes, which is no part of the lock; skips without it. No cluster is asked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = "1.31"
# It names a cluster that is asked nothing: the operator wants to know whether it runs inside one.
NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the operator would ask the cluster for, as plain data."""
    pytest.importorskip("airflow.providers.cncf.kubernetes", reason="apache-airflow-providers-cncf-kubernetes is not installed")
    from kubernetes.client import ApiClient

    monkeypatch.chdir(ROOT)
    (tmp_path / "config").write_text(NOWHERE)
    pages = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scale.md").read_text(), re.DOTALL)
    (text,) = [one for one in pages if "KubernetesPodOperator(" in one]
    said: dict[str, Any] = {}
    exec(compile(text.replace("\nKubernetesPodOperator(", "\noperator = KubernetesPodOperator("), "docs/scale.md", "exec"), said)
    operator = said["operator"]
    operator.in_cluster, operator.config_file = False, str(tmp_path / "config")
    built: dict[str, Any] = ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(context=None))
    return built


def test_the_container_runs_the_job_by_the_command_line_of_a_laptop(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]

    assert container["name"] == "base"
    assert container["command"] == ["tradewinds"]
    assert container["args"] == ["job", "run", "train_weekly_trend", "--partition", "{{ dag_run.partition_key }}"]


def test_what_the_template_forbids_stays_forbidden_and_secrets_stay_files(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert {one["name"]: one.get("value") for one in container["env"]}["TRADEWINDS_STORAGE__LEDGER_FILE"].startswith("/run/secrets/")
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/firm", "/run/secrets/tradewinds", "/tmp"]


def test_the_pod_is_one_that_kubernetes_takes(pod: dict[str, Any]) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: make deploy-check has it")

    validator.validate(pod, KUBERNETES, strict=True)
