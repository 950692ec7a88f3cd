"""The file, the environment over it, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.jobs.catalog import plans
from tradewinds.wiring.settings import default_home, find_config, load_config, secret_of


def _write(folder: Path, text: str) -> Path:
    path = folder / "tradewinds.yaml"
    path.write_text(text)
    return path


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "crypto: {binance: {market: spot}}")

    config = load_config(path, {"TRADEWINDS_CRYPTO__BINANCE__MARKET": "um", "TRADEWINDS_HOME": "/h"})

    assert config.crypto["binance"].market == "um"
    assert config.home == "/h"


def test_a_vendor_address_is_one_setting_away(tmp_path: Path) -> None:
    config = load_config(
        _write(tmp_path, "{}"), {"TRADEWINDS_BINANCE_URL": "http://127.0.0.1:1", "TRADEWINDS_ECB_URL": "http://127.0.0.1:2"}
    )

    assert config.vendors["binance_rest"].url == "http://127.0.0.1:1"
    assert config.vendors["ecb"].use == "ecb"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cryptoo: {}", "cryptoo: unknown key"),
        ("crypto: {binance: {universe: {topp: 5}}}", "crypto.binance.universe.topp: unknown key"),
        ("crypto: {binance: {market: spott}}", "crypto.binance.market is 'spott'"),
        ("crypto: {binance: {bars: [{interval: 1m, instruments: [X], since: never}]}}", "since is 'never'"),
        ("[1, 2]", "expected keys and values"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(Rejected) as error:
        load_config(_write(tmp_path, text), {})

    assert named in str(error.value)


def test_a_workspace_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    path = _write(tmp_path, "{}")
    inside = tmp_path / "strategies" / "deep"
    inside.mkdir(parents=True)

    assert find_config({}, inside) == path


def test_a_named_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"absent\.yaml"):
        find_config({"TRADEWINDS_CONFIG": str(tmp_path / "absent.yaml")})


def test_a_secret_comes_from_the_environment_or_a_file_and_never_into_the_configuration(tmp_path: Path) -> None:
    held = tmp_path / "token"
    held.write_text("hush\n")
    env = {"TRADEWINDS_VENDORS__TIINGO__SECRET": "quiet", "TRADEWINDS_VENDORS__OANDA__SECRET_FILE": str(held)}

    config = load_config(_write(tmp_path, "{}"), env)

    assert secret_of("tiingo", env) == "quiet"
    assert secret_of("oanda", env) == "hush"
    assert secret_of("ecb", env) is None
    assert "hush" not in repr(config)
    assert "quiet" not in repr(config)


def test_the_ledger_address_may_come_from_a_file(tmp_path: Path) -> None:
    held = tmp_path / "url"
    held.write_text("postgresql://u:p@h/d")

    config = load_config(_write(tmp_path, "{}"), {"TRADEWINDS_STORAGE__LEDGER_FILE": str(held)})

    assert config.storage.ledger == "postgresql://u:p@h/d"


def test_the_home_follows_the_data_folder_unless_named() -> None:
    assert default_home({"XDG_DATA_HOME": "/data"}) == Path("/data/tradewinds")
    assert default_home({"TRADEWINDS_HOME": "/mine", "XDG_DATA_HOME": "/data"}) == Path("/mine")


def test_editing_the_file_changes_the_plans_without_code(tmp_path: Path) -> None:
    before = plans(load_config(_write(tmp_path, "{}"), {}))
    text = "equities: {XSHG: {calendar: XSHG, instruments: [600519.XSHG], vendors: [baostock], since: 2024-01-01}}"
    after = plans(load_config(_write(tmp_path, text), {}))

    assert {plan.name for plan in after} - {plan.name for plan in before} == {"equities_nightly_xshg"}


def test_dates_are_dates(tmp_path: Path) -> None:
    text = "crypto: {binance: {bars: [{interval: 1m, instruments: [BTCUSDT], since: 2024-01-31}]}}"

    assert load_config(_write(tmp_path, text), {}).crypto["binance"].bars[0].since == date(2024, 1, 31)
