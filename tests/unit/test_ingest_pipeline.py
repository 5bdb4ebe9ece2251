"""The queue before the journal: who is told what, and when. A gate holds the journal still."""

import asyncio
import queue
import threading

import numpy as np
import pytest

from chowon.domain.readings import Readings
from chowon.errors import Overloaded, StoreUnavailable
from chowon.ingest.mqtt_inbox import Arrived, Inbox
from chowon.ingest.pipeline import QueueLimits
from tests.ingest_fakes import NOW_MS, TIMEOUT_S, Intake, disk_full


def _readings(n: int, channel: int = 1) -> Readings:
    times = NOW_MS + np.arange(n, dtype=np.int64)
    return Readings(np.full(n, channel, np.uint32), times, power_dw=np.arange(n, dtype=np.int32))


async def _started(*work: "asyncio.Task[None]") -> None:
    """Lets tasks run up to their first wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert work


def test_submit_returns_only_after_the_journal_is_durable() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = asyncio.create_task(intake.pipeline.submit(_readings(3)))
        await intake.written()
        assert not sending.done()
        assert intake.live == []
        intake.journal.release()
        await sending
        assert len(intake.journal.readings) == 3
        assert len(intake.live) == 1

    Intake().run(scene)


def test_what_waits_during_a_commit_goes_in_one_next_commit() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        first = asyncio.create_task(intake.pipeline.submit(_readings(1)))
        await intake.written()
        others = [asyncio.create_task(intake.pipeline.submit(_readings(1, n))) for n in range(2, 7)]
        await _started(*others)
        intake.journal.release()
        await asyncio.gather(first, *others)
        assert intake.journal.appends == 2
        assert [int(e.readings.channel[0]) for e in intake.journal.entries] == [1, 2, 3, 4, 5, 6]
        assert [int(r.channel[0]) for r in intake.live] == [1, 2, 3, 4, 5, 6]

    Intake().run(scene)


def test_a_commit_never_takes_more_than_its_limit() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = [asyncio.create_task(intake.pipeline.submit(_readings(4))) for _ in range(5)]
        await intake.written()
        await _started(*sending)
        intake.journal.release()
        await asyncio.gather(*sending)
        assert intake.journal.appends == 3  # 4, then 4 + 4, then 4 + 4

    Intake(limits=QueueLimits(max_commit_readings=8)).run(scene)


@pytest.mark.parametrize("limits", [QueueLimits(max_readings=10), QueueLimits(max_bytes=160)])
def test_a_full_queue_refuses_new_work_and_keeps_what_it_took(limits: QueueLimits) -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = asyncio.create_task(intake.pipeline.submit(_readings(8)))
        await intake.written()
        with pytest.raises(Overloaded, match="send again"):
            await intake.pipeline.submit(_readings(3))
        stats = intake.pipeline.stats()
        assert (stats.refused_readings, stats.queued_readings) == (3, 8)
        intake.journal.release()
        await sending
        await intake.pipeline.submit(_readings(3))
        stats = intake.pipeline.stats()
        assert (stats.accepted_readings, stats.queued_readings, stats.queued_bytes) == (11, 0, 0)

    Intake(limits=limits).run(scene)


def test_one_who_sends_much_leaves_room_for_those_who_send_little() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = [asyncio.create_task(intake.pipeline.submit(_readings(1000))) for _ in range(8)]
        await intake.written()
        await _started(*sending)
        with pytest.raises(Overloaded, match="send again"):
            await intake.pipeline.submit(_readings(1000))
        little = [asyncio.create_task(intake.pipeline.submit(_readings(10))) for _ in range(200)]
        await _started(*little)
        with pytest.raises(Overloaded, match="send again"):
            await intake.pipeline.submit(_readings(10))
        intake.journal.release()
        await asyncio.gather(*sending, *little)
        assert intake.pipeline.stats().accepted_readings == 10_000

    Intake(limits=QueueLimits(max_readings=10_000)).run(scene)


def test_an_empty_queue_takes_a_batch_larger_than_its_limit() -> None:
    async def scene(intake: Intake) -> None:
        await intake.pipeline.submit(_readings(50))
        assert len(intake.journal.readings) == 50

    Intake(limits=QueueLimits(max_readings=10)).run(scene)


def test_no_readings_need_no_commit() -> None:
    async def scene(intake: Intake) -> None:
        await intake.pipeline.submit(_readings(0))
        assert intake.journal.appends == 0

    Intake().run(scene)


@pytest.mark.parametrize("fault", [disk_full(), ValueError("a bug in the journal")])
def test_when_the_store_fails_everybody_who_waits_is_told(fault: Exception) -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        intake.journal.fail_with = fault
        sending = [asyncio.create_task(intake.pipeline.submit(_readings(2))) for _ in range(3)]
        await intake.written()
        intake.journal.release()
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert [type(r) for r in results] == [StoreUnavailable] * 3
        stats = intake.pipeline.stats()
        assert (stats.accepted_readings, stats.failed_readings, stats.queued_readings) == (0, 6, 0)
        assert stats.store_problem == str(fault)
        assert intake.live == []

    Intake().run(scene)


def test_a_failed_store_is_left_alone_then_probed_with_longer_pauses() -> None:
    clock = [0.0]

    async def scene(intake: Intake) -> None:
        async def attempt() -> bool:
            """Whether the journal was asked at all."""
            intake.journal.entered.clear()
            with pytest.raises(StoreUnavailable):
                await intake.pipeline.submit(_readings(1))
            return intake.journal.entered.is_set()

        intake.journal.fail_with = disk_full()
        assert await attempt()
        clock[0] = 0.4
        assert not await attempt(), "asked the disk again too early"
        clock[0] = 0.5
        assert await attempt()
        clock[0] = 1.4
        assert not await attempt(), "the second pause is not longer than the first"
        clock[0] = 1.5
        intake.journal.fail_with = None
        await intake.pipeline.submit(_readings(1))
        assert intake.pipeline.stats().store_problem is None

    limits = QueueLimits(first_pause_s=0.5, longest_pause_s=30)
    Intake(limits=limits, monotonic_s=lambda: clock[0]).run(scene)


def test_closing_writes_what_is_queued_and_takes_nothing_new() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = [asyncio.create_task(intake.pipeline.submit(_readings(1, n))) for n in range(1, 4)]
        await intake.written()
        await _started(*sending)
        intake.pipeline.close()
        with pytest.raises(Overloaded, match="stopping"):
            await intake.pipeline.submit(_readings(1))
        intake.journal.release()
        await asyncio.gather(*sending)
        assert len(intake.journal.readings) == 3

    Intake().run(scene)


def test_a_cancelled_writer_finishes_the_commit_and_hands_back_the_rest() -> None:
    async def play() -> None:
        intake = Intake()
        writer = asyncio.create_task(intake.pipeline.run())
        intake.journal.hold()
        first = asyncio.create_task(intake.pipeline.submit(_readings(1, 1)))
        await intake.written()
        second = asyncio.create_task(intake.pipeline.submit(_readings(1, 2)))
        await _started(second)
        writer.cancel()
        await _started(writer)
        assert not writer.done(), "the writer left while the disk was still writing"
        intake.journal.release()
        await first
        with pytest.raises(StoreUnavailable, match="stopping"):
            await second
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert intake.journal.readings.channel.tolist() == [1]

    asyncio.run(play())


def test_a_caller_that_gives_up_does_not_lose_what_was_taken() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        sending = asyncio.create_task(intake.pipeline.submit(_readings(2)))
        await intake.written()
        sending.cancel()
        await _started(sending)
        intake.journal.release()
        await intake.pipeline.submit(_readings(1, 2))
        assert len(intake.journal.readings) == 3

    Intake().run(scene)


def test_a_fault_in_the_live_state_does_not_undo_the_acknowledgement() -> None:
    async def scene(intake: Intake) -> None:
        intake.pipeline._on_durable = lambda _: 1 / 0  # type: ignore[assignment, return-value]
        await intake.pipeline.submit(_readings(2))
        assert intake.pipeline.stats().live_failures == 1
        assert intake.pipeline.stats().accepted_readings == 2

    Intake().run(scene)


def _message(n: int, size: int = 10) -> Arrived:
    return Arrived("t", bytes(size), n, 1, 1, NOW_MS)


@pytest.mark.parametrize(("sizes", "fits"), [([10, 10, 10], 2), ([90, 20, 20], 1), ([500, 1], 1)])
def test_a_full_inbox_holds_the_network_thread_until_there_is_room(sizes: list[int], fits: int) -> None:
    inbox = Inbox(max_messages=2, max_bytes=100)
    inside: queue.Queue[int] = queue.Queue()
    inbox.attach(lambda: inside.put(1))

    def network() -> None:
        for n, size in enumerate(sizes):
            inbox.put(_message(n, size))

    thread = threading.Thread(target=network)
    thread.start()
    taken: list[int] = []
    for _ in range(fits):
        inside.get(timeout=TIMEOUT_S)
    assert len(inbox) == fits
    taken += [message.mid for message in inbox.take()]
    for _ in sizes[fits:]:
        inside.get(timeout=TIMEOUT_S)
        taken += [message.mid for message in inbox.take()]
    thread.join(TIMEOUT_S)
    assert taken == list(range(len(sizes)))


def test_closing_the_inbox_frees_the_network_thread_and_keeps_nothing() -> None:
    inbox = Inbox(max_messages=1, max_bytes=100)
    inbox.put(_message(1))
    thread = threading.Thread(target=inbox.put, args=(_message(2),))
    thread.start()
    inbox.close()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert inbox.take() == []
