"""Virtual time, and processes in it that can be killed between any two steps."""

from __future__ import annotations

import asyncio

import pytest

from tradewinds.campaign.loop import Process, Stalled, VirtualLoop, context_of, run_virtually


def test_a_day_of_waiting_passes_at_once_and_in_order() -> None:
    heard: list[tuple[float, str]] = []

    async def main(loop: VirtualLoop) -> float:
        async def say(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            heard.append((loop.time(), name))

        await asyncio.gather(say("late", 86_400), say("early", 1), say("middle", 3_600))
        return loop.time()

    assert run_virtually(main, VirtualLoop()) == 86_400
    assert heard == [(1, "early"), (3_600, "middle"), (86_400, "late")]


def test_a_wait_for_what_never_comes_is_named() -> None:
    async def main(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(Stalled):
        run_virtually(main, VirtualLoop())


def test_a_killed_process_does_nothing_more_and_the_world_goes_on() -> None:
    done: list[int] = []
    cleaned: list[str] = []

    async def main(loop: VirtualLoop) -> list[int]:
        async def count() -> None:
            try:
                for number in range(10):
                    done.append(number)
                    await asyncio.sleep(1)
            finally:
                cleaned.append("ran its finally")

        process = Process("trade")
        process.kept.append(loop.create_task(count(), context=context_of(process)))
        await asyncio.sleep(2.5)
        process.die()
        await asyncio.sleep(100)
        assert cleaned == []
        return list(done)

    assert run_virtually(main, VirtualLoop()) == [0, 1, 2]


def test_a_process_dies_before_the_step_that_it_was_told() -> None:
    done: list[int] = []

    async def main(loop: VirtualLoop) -> int:
        async def count() -> None:
            for number in range(10):
                done.append(number)
                await asyncio.sleep(1)

        process = Process("trade", dies_at=4)
        process.kept.append(loop.create_task(count(), context=context_of(process)))
        await asyncio.sleep(60)
        return process.steps

    # a sleep is two steps: its timer, then the task that goes on
    assert run_virtually(main, VirtualLoop()) == 4
    assert done == [0, 1]


def test_threads_and_names_are_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        with pytest.raises(RuntimeError):
            loop.run_in_executor(None, print)
        with pytest.raises(OSError, match="no resolver"):
            await loop.getaddrinfo("example.org", 443)

    run_virtually(main, VirtualLoop())


def test_a_program_that_goes_in_circles_is_ended_and_the_place_is_named() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    async def main(loop: VirtualLoop) -> None:
        await asyncio.gather(asyncio.sleep(1), spin())

    with pytest.raises(Stalled, match=r"by 0\.0 s: the program goes in circles: .*spin:\d+"):
        run_virtually(main, VirtualLoop())
