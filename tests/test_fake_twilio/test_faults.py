"""Requests that go wrong at random, from one seed."""

import pytest

from tests.fake_twilio import Faults, Step
from tests.test_fake_twilio import send


@pytest.mark.parametrize(
    ("faults", "accepted", "answers"),
    [
        (Faults(drop_before=1), 0, "dropped"),
        (Faults(drop_after=1), 5, "dropped"),
        (Faults(slow_after=1, slow_seconds=0.01), 5, "201"),
        (Faults(error_500_before=1), 0, "500"),
        (Faults(error_500_after=1), 5, "500"),
        (Faults(busy_429=1), 0, "429 20429"),
        (Faults(codes={"21610": 1}), 0, "400 21610"),
        (Faults(codes={"20003": 1}), 0, "401 20003"),
    ],
)
def test_each_fault_befalls_as_many_as_its_fraction_says(fake, faults, accepted, answers):
    fake.misbehave(faults)
    steps = [send(fake)[0] for _ in range(5)]
    fake.misbehave(Faults())
    last, _ = send(fake)

    assert {entry["answer"] for entry in fake.requests[:5]} == {answers}
    assert len(fake.accepted) == accepted + 1
    assert {step.delay for step in steps} == {faults.slow_seconds if faults.slow_after else 0}
    assert last == Step()


def test_a_share_of_texts_fails_with_each_code(fake):
    fake.misbehave(Faults(fail={"30003": 0.5, "30006": 0.5}))
    for _ in range(30):
        send(fake)
    fake.drain()

    ends = {(text.status, text.error_code) for text in fake.account.newest_first()}
    assert ends == {("undelivered", 30003), ("undelivered", 30006)}


def test_the_same_seed_brings_the_same_faults(start, web):
    def run(seed):
        fake = start(seed=seed)
        fake.misbehave(
            Faults(drop_before=0.2, error_500_after=0.2, lose=0.3, fail={"30003": 0.3}, reorder=0.3)
        )
        for _ in range(10):
            send(fake)
        fake.drain()
        answers = [entry["answer"] for entry in fake.requests]
        reports = [(e["params"]["MessageStatus"], e["outcome"]) for e in fake.callbacks]
        fake.stop()
        return answers, sorted(reports)

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_a_script_goes_before_faults(fake):
    fake.misbehave(Faults(drop_before=1))
    fake.script(Step())
    assert [send(fake)[0].drop for _ in range(2)] == [False, True]
