"""The people of `benchmarks.soak`, in a process of their own, which the first line of its input tells where, until that input ends.

A few reads a second over most routes, live streams that stay open and are opened anew from time to time, pages of the console, an order by
hand a minute, a scrape of every process four times a minute; and somebody in a browser who goes from page to page, where Chromium is.
Prints one JSON object at the end: how much of each, and the answers that were none.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.console import ARGUMENTS, PAGES
from tradewinds.app.console.door import COOKIE

BUSY = 4.0
READS_PER_S = 3.0
PAGE_EVERY_S = 15.0
BROWSER_EVERY_S = 25.0
BROWSER_LOOKS_S = 5.0
ENDS_WITHIN_S = 10.0
ORDER_EVERY_S = 60.0
SCRAPE_EVERY_S = 15.0
STREAM_S = 600  # after which a reader comes back, as a browser does
INSTRUMENT = "BTCUSDT.BINANCE"
BARS = f"/bars?instrument={INSTRUMENT}&interval=1m&limit=1000&start=2024-01-02T00:00:00Z"
READS = (
    (BARS, "application/json"), ("/orders", ""), ("/positions", ""), ("/health", ""), ("/fills", ""), ("/status", ""), ("/accounts", ""),
    (BARS, "application/vnd.apache.arrow.stream"), ("/instruments", ""), ("/profit", ""), ("/events", ""), ("/processes", ""),
    ("/limits?account=binance_paper", ""), ("/me", ""), ("/runs", ""), ("/findings", ""), ("/gains", ""), ("/tables", ""),
    ("/approvals", ""), (BARS.replace("01-02", "01-09"), "application/json"),
)  # fmt: skip


class People:
    """asked: url, token, session (of a browser), streams, account, metrics (a folder), warm_up_s."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.busy_until_s = 0.0
        headers = {"Authorization": f"Bearer {asked['token']}"}
        self.api = httpx.AsyncClient(base_url=asked["url"] + "/api/v1", headers=headers, timeout=30, trust_env=False)
        self.site = httpx.AsyncClient(base_url=asked["url"], cookies={COOKIE: asked["session"]}, timeout=30, trust_env=False)

    async def run(self) -> None:
        """Until the input ends."""
        self.busy_until_s = asyncio.get_running_loop().time() + self.asked["warm_up_s"]
        tasks = [asyncio.create_task(self._listen(number)) for number in range(self.asked["streams"])]
        paced = ((self._read, 1 / READS_PER_S), (self._page, PAGE_EVERY_S), (self._order, ORDER_EVERY_S), (self._scrape, SCRAPE_EVERY_S))
        tasks += [asyncio.create_task(self._again(act, every_s)) for act, every_s in paced]
        tasks.append(asyncio.create_task(self._browse()))
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"done": self.done, "failed": self.failed}), flush=True)
        for one in tasks:
            one.cancel()
        await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)  # a browser may take its time on a busy machine; what counts is said

    async def _again(self, act: Callable[[int], Awaitable[None]], every_s: float) -> None:
        number = 0
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await act(number)
            except (httpx.HTTPError, OSError, ValueError) as error:
                self.failed[f"{act.__name__.strip('_')}: {type(error).__name__}"] += 1
            number += 1
            await asyncio.sleep(max(0.0, begun + self._pause_s(every_s) - asyncio.get_running_loop().time()))

    def _pause_s(self, every_s: float) -> float:
        return every_s / BUSY if asyncio.get_running_loop().time() < self.busy_until_s else every_s

    def _count(self, what: str, answer: httpx.Response, where: str) -> None:
        if answer.is_success:
            self.done[what] += 1
        else:
            self.failed[f"{what}: {answer.status_code} {where}"] += 1

    async def _read(self, number: int) -> None:
        path, accept = READS[number % len(READS)]
        self._count("reads", await self.api.get(path, headers={"Accept": accept} if accept else {}), path.partition("?")[0])

    async def _page(self, number: int) -> None:
        path = PAGES[number % len(PAGES)]
        self._count("pages", await self.site.get(path), path)

    async def _order(self, number: int) -> None:
        """Buys a little at market, sells it a minute later."""
        side = "sell" if number % 2 else "buy"
        body = {"account": self.asked["account"], "instrument": INSTRUMENT, "side": side, "quantity": "0.001"}
        answer = await self.api.post("/orders", json=body, headers={"Idempotency-Key": f"soak-{number}"})
        self._count(f"orders {answer.json().get('verdict', '')}".strip(), answer, answer.text[:150])

    async def _scrape(self, number: int) -> None:
        for place in sorted(Path(self.asked["metrics"]).glob("*.json")):
            (target,) = json.loads(place.read_text())[0]["targets"]
            self._count("scrapes", await self.site.get(f"http://{target}/metrics"), place.stem)

    async def _listen(self, number: int) -> None:
        """One stream after the other."""
        await asyncio.sleep(number * 0.2)
        while True:
            try:
                async with self.api.stream("GET", f"/live?for_s={STREAM_S - number * 7}", timeout=60) as answer:
                    if not answer.is_success:
                        self.failed[f"streams: {answer.status_code}"] += 1
                    self.done["streams"] += 1
                    async for line in answer.aiter_lines():
                        self.done["events"] += line.startswith("event:")
            except httpx.HTTPError as error:
                self.failed[f"streams: {type(error).__name__}"] += 1
            await asyncio.sleep(2)

    async def _browse(self) -> None:
        chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
        if chromium is None:
            return
        from playwright.async_api import Error, async_playwright

        async with async_playwright() as player:
            browser = await player.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            context = await browser.new_context(viewport={"width": 1280, "height": 900})
            await context.add_cookies([{"name": COOKIE, "value": self.asked["session"], "url": self.asked["url"]}])
            page, number = await context.new_page(), 0
            while True:
                try:
                    await page.goto(self.asked["url"] + PAGES[number % len(PAGES)], wait_until="load")
                    self.done["browsed"] += 1
                    await asyncio.sleep(BROWSER_LOOKS_S)
                    await page.goto("about:blank")  # drawing charts costs the browser more than all else together
                except Error as error:
                    self.failed[f"browsed: {str(error)[:80]}"] += 1
                number += 1
                await asyncio.sleep(self._pause_s(BROWSER_EVERY_S))


if __name__ == "__main__":
    asyncio.run(People(json.loads(sys.stdin.readline())).run())
