"""Reads the configuration: `tradewinds.yaml`, then the environment over it, into `jobs.config.Config`.

1. The file: `--config`, else `TRADEWINDS_CONFIG`, else the `tradewinds.yaml` of the workspace around the current folder.
2. The environment: `TRADEWINDS_A__B=value` sets key b of section a; `TRADEWINDS_<VENDOR>_URL` a vendor's address;
   `<NAME>_FILE` names a file that holds the value, for secrets.
3. Unknown keys are refused by name, with the nearest known one. Secrets never stand in the file: they are read from the environment
   when a vendor or an account's broker is built (`wiring.keys`).

Source of the layering: the usual one (flags over environment over file), see docs/configuration.md.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config

FILE_NAME = "tradewinds.yaml"
MODELS_FOLDER = "models"
PREFIX = "TRADEWINDS_"
_PLAIN = ("HOME", "CONFIG", "SHARED_DATA")
# Sections whose entries stand alone; vendors first, because the others ask them.
_APART = ("vendors", "crypto", "equities", "datasets", "accounts", "research", "models")
_SECRETS = {
    "accounts": ("key", "secret", "password"), "guard": ("key", "secret", "password"), "alerts": ("url", "token")
}  # fmt: skip # in other sections `secret` alone
_VENDOR_KEYS = ("vendor", "archive", "rest", "funding", "source")
_URL_ALIASES = {"binance": "binance_rest"}


def default_home(environment: Mapping[str, str]) -> Path:
    """`TRADEWINDS_HOME`, else `tradewinds` below the XDG data home."""
    named = environment.get("TRADEWINDS_HOME")
    if named:
        return Path(named).expanduser().absolute()
    data = environment.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(data) / "tradewinds"


def find_config(environment: Mapping[str, str], start: Path | None = None) -> Path | None:
    """The configuration file in force, None when there is none. Raises Rejected when one is named and absent."""
    named = environment.get("TRADEWINDS_CONFIG")
    if named:
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise Rejected(f"configuration: TRADEWINDS_CONFIG names {path}, expected a file")
        return path
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def load_config(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """The checked configuration. Reads one local file and the environment, nothing else."""
    env = os.environ if environment is None else environment
    place = path if path is not None else find_config(env)
    values, unreadable = _with_models(_values(place, env))
    for why in unreadable.values():
        raise Rejected(why)
    return _checked(values, place)


def load_sound_config(path: Path | None = None, environment: Mapping[str, str] | None = None) -> tuple[Config, dict[str, str]]:
    """The configuration without its broken entries, and why each was set aside, by place (`datasets.cot`).

    One broken market, dataset or vendor disables only itself and what asks it. What is broken elsewhere raises Rejected.
    """
    from pydantic import ValidationError

    env = os.environ if environment is None else environment
    place = path if path is not None else find_config(env)
    values, reasons = _with_models(_values(place, env))
    while True:
        try:
            return _validated(values), reasons
        except ValidationError as error:
            entries = {tuple(one["loc"][:2]): _complaint(one, place) for one in reversed(error.errors())}
        for where, why in entries.items():
            if len(where) < 2 or where[0] not in _APART:
                raise Rejected(why)
            if where[1] in values[where[0]]:
                reasons |= _set_aside(values, where[0], where[1], why)


def secret_of(vendor: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The secret of a vendor: `TRADEWINDS_VENDORS__<VENDOR>__SECRET`, or `…_FILE` naming a file that holds it."""
    env = os.environ if environment is None else environment
    name = f"{PREFIX}VENDORS__{vendor.upper()}__SECRET"
    return value_of(name, env)


def _values(place: Path | None, env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {} if place is None else _read(place)
    _overlay(values, env)
    values.setdefault("home", str(default_home(env)))
    if place is not None:
        values.setdefault("workspace", str(place.parent))
    values["home"] = str(Path(str(values["home"])).expanduser().absolute())
    return values


def _with_models(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values with the workspace's `models/*.yaml` below `models`, by file name, and what could not be read, by place."""
    reasons: dict[str, str] = {}
    if values.get("workspace"):
        for path in sorted((Path(values["workspace"]) / MODELS_FOLDER).glob("*.yaml")):
            try:
                _set(values, ["models", path.stem], _read(path), str(path))
            except Rejected as error:
                reasons[f"models.{path.stem}"] = str(error)
    return values, reasons


def value_of(name: str, env: Mapping[str, str]) -> str | None:
    """What the environment holds under a name, or the content of the file that `<NAME>_FILE` names."""
    if name in env:
        return env[name]
    place = env.get(f"{name}_FILE")
    if place is None:
        return None
    try:
        return Path(place).read_text().strip()
    except OSError as error:
        raise Rejected(f"configuration: {name}_FILE names {place}, expected a readable file ({error.strerror})") from None


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Rejected(f"configuration: {path}, expected a readable file ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected(f"configuration: {path} is no YAML: {str(error).splitlines()[0]}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise Rejected(f"configuration: {path} holds a {type(values).__name__}, expected keys and values")
    return values


def _overlay(values: dict[str, Any], env: Mapping[str, str]) -> None:
    import yaml

    for name in sorted(env):
        if not name.startswith(PREFIX):
            continue
        rest = name.removeprefix(PREFIX)
        bare = rest.removesuffix("_FILE") if "__" in rest else rest
        if "__" in bare:
            keys = [key.lower() for key in bare.split("__")]
            if keys[-1] in _SECRETS.get(keys[0], ("secret",)):
                continue
            if keys[0] == "equities" and len(keys) > 1:
                keys[1] = keys[1].upper()
            text = value_of(PREFIX + bare, env)
            _set(values, keys, yaml.safe_load(text) if text else None, name)
        elif rest.endswith("_URL"):
            vendor = rest.removesuffix("_URL").lower()
            _set(values, ["vendors", _URL_ALIASES.get(vendor, vendor), "url"], env[name], name)
        elif rest == "CLOCK":
            values["clock"] = env[name]


def _set(values: dict[str, Any], keys: list[str], value: object, name: str) -> None:
    place = values
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise Rejected(f"configuration: {name} goes below {key!r}, which holds {inner!r}, expected a section")
        place = inner
    place[keys[-1]] = value


def _checked(values: dict[str, Any], place: Path | None) -> Config:
    from pydantic import ValidationError

    try:
        return _validated(values)
    except ValidationError as error:
        raise Rejected(_complaint(error.errors()[0], place)) from None


@lru_cache(maxsize=1)
def _adapter() -> Any:
    """Built once for a process: it costs more than reading the configuration does."""
    from pydantic import TypeAdapter

    return TypeAdapter(Config)


def _validated(values: dict[str, Any]) -> Config:
    for vendor, given in (values.get("vendors") or {}).items():
        if isinstance(given, dict):
            given.setdefault("use", vendor)
    config: Config = _adapter().validate_python(values)
    return config


def _complaint(first: Mapping[str, Any], place: Path | None) -> str:
    where = ".".join(str(part) for part in first["loc"])
    what = _unknown(first["loc"]) if first["type"] == "unexpected_keyword_argument" else first["msg"]
    given = "" if first["type"] in ("unexpected_keyword_argument", "missing_argument") else f" is {first.get('input')!r}"
    return f"configuration {place or 'from the environment'}: {where}{given}: {what}; see docs/configuration.md"


def _unknown(place: Sequence[object]) -> str:
    """`unknown key`, with the nearest that is one where some is near."""
    if place[0] == "alerts" and place[-1] in _SECRETS["alerts"]:
        return f"unknown key; a secret comes from {PREFIX}{'__'.join(str(part).upper() for part in place)} or its _FILE"
    near = difflib.get_close_matches(str(place[-1]), _keys_at(place[:-1]), n=1)
    if place[0] == "accounts" and place[-1] in _SECRETS["accounts"]:
        return f"unknown key; a secret comes from {PREFIX}ACCOUNTS__{str(place[1]).upper()}__{str(place[-1]).upper()} or its _FILE"
    return f"unknown key; expected {near[0]}?" if near else "unknown key"


def _keys_at(place: Sequence[object]) -> list[str]:
    """The fields of the section at a place of the configuration: mappings and lists are walked into."""
    kind: Any = Config
    for part in place:
        if is_dataclass(kind):
            kind = get_type_hints(kind).get(str(part))
            inner = [one for one in get_args(kind) if is_dataclass(one)]
            kind = inner[0] if type(None) in get_args(kind) and inner else kind  # `FxConfig | None`
        else:  # the name of an entry, or the number of a row
            kind = next((one for one in get_args(kind) if is_dataclass(one)), None)
    return [one.name for one in fields(kind)] if is_dataclass(kind) else []


def _set_aside(values: dict[str, Any], section: str, name: str, why: str) -> dict[str, str]:
    """Takes one entry out of the values and, if it is a vendor, every entry that asks it; returns the reasons by place."""
    del values[section][name]
    reasons = {f"{section}.{name}": why}
    if section == "vendors":
        for other in _APART[1:]:
            for entry, given in list((values.get(other) or {}).items()):
                if _asks(given, name):
                    del values[other][entry]
                    reasons[f"{other}.{entry}"] = f"asks the vendor {name!r}, whose entry is broken"
        if _asks(values.get("fx"), name):
            del values["fx"]
            reasons["fx"] = f"asks the vendor {name!r}, whose entry is broken"
    return reasons


def _asks(given: object, vendor: str) -> bool:
    """Whether an entry names this vendor anywhere."""
    if isinstance(given, Mapping):
        named = [given.get(key) for key in _VENDOR_KEYS]
        return vendor in named or vendor in (given.get("vendors") or ()) or any(_asks(inner, vendor) for inner in given.values())
    return False
