"""Naming vendors: the registered ones, a module of one's own, a file of the workspace."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.vendors import load
from tradewinds.vendors.coingecko import CoinGecko

OWN = """
class Mine:
    name = "mine"
    capability = None
    def __init__(self, http, *, base_url=None, secret=None, options={}): ...
    def datasets(self): return ()
    def plan(self, request): return []
    def capture(self, pull): return iter(())
    def parse(self, payload): return None

class Half:
    def plan(self, request): return []
"""


def test_a_registered_name_gives_its_class():
    assert load("coingecko") is CoinGecko


def test_a_file_of_the_workspace_gives_its_class(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)

    assert load("mine.py:Mine", folder=tmp_path).__name__ == "Mine"


def test_a_module_that_python_finds_gives_its_class(tmp_path, monkeypatch):
    (tmp_path / "house_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert load("house_of_mine:Mine").__name__ == "Mine"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("binance", "expected one of baostock, "),
        ("nowhere_at_all:Mine", "cannot import nowhere_at_all"),
        ("absent.py:Mine", "no file "),
        ("mine.py:Yours", "no Yours in mine.py"),
        ("mine.py:Half", "Half lacks datasets, capture, parse"),
        ("../outside.py:Mine", "stands outside"),
    ],
)
def test_what_cannot_be_a_vendor_is_refused(tmp_path, spec, says):
    folder = tmp_path / "vendors"
    folder.mkdir()
    (folder / "mine.py").write_text(OWN)
    (tmp_path / "outside.py").write_text(OWN)

    with pytest.raises(Rejected) as caught:
        load(spec, folder=folder)

    assert says in str(caught.value)


def test_naming_the_vendors_imports_none_of_them():
    code = "import sys; import tradewinds.vendors; print(sorted({'httpx', 'polars', 'websockets', 'isal'} & set(sys.modules)))"

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"
