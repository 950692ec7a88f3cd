"""Accounts of the configuration: read strictly, fit for a mode or refused, their keys kept apart from the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config
from tradewinds.wiring.accounts import account_of, check_mode, journal_path, limits_of
from tradewinds.wiring.settings import load_config, load_sound_config

ACCOUNTS = """
accounts:
  main: {broker: binance, environment: live, limits: {quantity_max: 0.5, position_max: "2"}}
  practice: {broker: oanda, lots: hifo, currency: EUR}
  sheet: {broker: paper, environment: live}
"""


def config(folder: Path, text: str, environment: dict[str, str] | None = None) -> Config:
    path = folder / "tradewinds.yaml"
    path.write_text(text)
    return load_config(path, {"TRADEWINDS_HOME": str(folder / "home")} | (environment or {}))


def test_an_account_is_read_with_its_limits(tmp_path: Path) -> None:
    found = account_of(config(tmp_path, ACCOUNTS), "main")

    assert (found.config.broker, found.currency, found.is_live) == ("binance", "USDT", True)
    assert found.limits.quantity_max == Decimal("0.5")
    assert found.limits.position_max == Decimal(2)
    assert account_of(config(tmp_path, ACCOUNTS), "practice").currency == "EUR"
    assert not account_of(config(tmp_path, ACCOUNTS), "sheet").is_live


def test_the_environment_stands_over_an_accounts_file_and_its_keys_are_no_setting(tmp_path: Path) -> None:
    given = {
        "TRADEWINDS_ACCOUNTS__MAIN__URL": "http://127.0.0.1:1",
        "TRADEWINDS_ACCOUNTS__MAIN__KEY": "a",
        "TRADEWINDS_ACCOUNTS__MAIN__SECRET_FILE": "/nowhere",
        "TRADEWINDS_GUARD__MAIN__KEY": "b",
        "TRADEWINDS_ACCOUNTS__EXTRA__BROKER": "ibkr",
    }

    found = config(tmp_path, ACCOUNTS, given)

    assert found.accounts["main"].url == "http://127.0.0.1:1"
    assert found.accounts["extra"].broker == "ibkr"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accounts: {main: {broker: binance, enviroment: live}}", "accounts.main.enviroment: unknown key; expected environment?"),
        ("accounts: {main: {broker: binance, environment: prod}}", "accounts.main.environment is 'prod'"),
        ("accounts: {main: {environment: live}}", "accounts.main.broker"),
        ("acounts: {}", "acounts: unknown key; expected accounts?"),
        ("crypto: {binance: {universe: {topp: 5}}}", "crypto.binance.universe.topp: unknown key; expected top?"),
        ("accounts: {main: {broker: binance, secret: hush}}", "a secret comes from TRADEWINDS_ACCOUNTS__MAIN__SECRET"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Rejected) as error:
        config(tmp_path, text)

    assert told in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (ACCOUNTS, "mian", "account 'mian', expected one of tradewinds.yaml's accounts: main, practice, sheet"),
        ("{}", "main", "none yet"),
        ("accounts: {main: {broker: binnance}}", "main", "broker 'binnance', expected one of binance"),
        ("accounts: {main: {broker: 'ccxt:'}}", "main", "broker 'ccxt:'"),
        ("accounts: {Main: {broker: paper}}", "Main", "small letters"),
        ("accounts: {main: {broker: paper, journal: 'mysql://u:p@h/d'}}", "main", "journal 'mysql', expected sqlite or postgresql"),
        ("accounts: {main: {broker: paper, limits: {quantity_mx: 1}}}", "main", "key 'quantity_mx', expected quantity_max?"),
        ("accounts: {main: {broker: paper, limits: {quantity_max: much}}}", "main", "quantity_max: 'much', expected a decimal number"),
        ("accounts: {main: {broker: paper, limits: {is_long_only: 1}}}", "main", "is_long_only 1, expected true or false"),
    ],
)
def test_a_broken_account_says_what_is_wrong_with_it(tmp_path: Path, text: str, name: str, told: str) -> None:
    with pytest.raises(Rejected) as error:
        account_of(config(tmp_path, text), name)

    assert told in str(error.value)


@pytest.mark.parametrize(
    ("account", "mode", "told"),
    [
        ("main", "paper", "mode paper on account main of environment live"),
        ("practice", "live", "mode live on account practice of environment test, expected environment: live"),
        ("sheet", "live", "mode live on account sheet of a paper broker"),
        ("sheet", "backtest", "trading is never started by leaving a word out"),
    ],
)
def test_a_mode_that_does_not_fit_its_account_is_refused(tmp_path: Path, account: str, mode: str, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        check_mode(account_of(config(tmp_path, ACCOUNTS), account), mode, "trend.yaml")  # type: ignore[arg-type]  # text of the table


def test_a_mode_that_fits_passes(tmp_path: Path) -> None:
    for account, mode in (("main", "live"), ("main", "shadow"), ("practice", "paper"), ("sheet", "paper"), ("sheet", "shadow")):
        check_mode(account_of(config(tmp_path, ACCOUNTS), account), mode, "trend.yaml")  # type: ignore[arg-type]  # text of the table


def test_one_broken_account_disables_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "tradewinds.yaml"
    path.write_text("accounts: {main: {broker: paper}, other: {broker: paper, lots: lifo}}")

    found, reasons = load_sound_config(path, {})

    assert list(found.accounts) == ["main"]
    assert "accounts.other.lots is 'lifo'" in reasons["accounts.other"]


def test_a_float_of_yaml_becomes_the_decimal_that_was_written() -> None:
    assert limits_of({"notional_max": 0.1}, "x").notional_max == Decimal("0.1")


def test_each_account_has_a_journal_of_its_own(tmp_path: Path) -> None:
    assert journal_path(tmp_path, "main") == tmp_path / "trade" / "main.sqlite"
