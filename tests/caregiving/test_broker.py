"""The folder that carries the doorbell: a message is there when it is whole, and not before."""

import threading
from queue import Empty

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

from caregiving.broker import Transport
from caregiving.celery import app


@pytest.fixture
def channel(tmp_path):
    folders = {
        name: str(tmp_path)
        for name in ("data_folder_in", "data_folder_out", "control_folder", "processed_folder")
    }
    with Connection(transport=Transport, transport_options=folders) as connection:
        yield connection.default_channel


def test_the_project_uses_it_for_its_folder():
    assert isinstance(app.connection().transport, Transport)


def test_messages_come_out_whole_while_others_are_written(channel):
    def write(numbers):
        for number in numbers:
            channel._put("bell", number)

    # Small ones, and a reader that never rests: it meets many at the moment of their birth.
    writers = [threading.Thread(target=write, args=(range(first, 2000, 2),)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    received = []
    while len(received) < 2000:
        try:
            received.append(channel._get("bell"))
        except Empty:
            continue
    for writer in writers:
        writer.join()

    assert sorted(received) == list(range(2000))


def test_a_folder_that_is_gone_is_the_brokers_trouble(channel, tmp_path):
    tmp_path.rename(tmp_path.with_name("elsewhere"))

    with pytest.raises(ChannelError):
        channel._put("bell", {})
