"""The caller of the benchmark: it counts answers, and takes no refusal for one."""

import contextlib
import socket
import threading

import pytest

from benchmarks.speed.calling import Caller

REQUEST = b"POST / HTTP/1.1\r\n\r\n"
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def server(tmp_path):
    """Answers as it is told to; what it was asked is in `asked`."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.listen(2)
    asked = []

    def serve(answers):
        def talk(connection):
            with connection:
                while request := connection.recv(1000):
                    asked.append(request)
                    for piece in answers:
                        connection.sendall(piece)

        def accept():
            with contextlib.suppress(OSError):  # closed, when the test is over
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=talk, args=[connection], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return tmp_path / "socket", asked

    yield serve
    listening.close()


def test_each_request_is_made_once(server):
    address, asked = server([YES])

    assert Caller(address, 2).rate([REQUEST] * 25) > 0
    assert asked == [REQUEST] * 25


def test_an_answer_may_come_in_pieces(server):
    address, asked = server([YES[:10], YES[10:]])

    Caller(address, 1).rate([REQUEST] * 3)

    assert len(asked) == 3


@pytest.mark.parametrize("answer", [NO, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhat"])
def test_anything_but_an_empty_200_ends_the_measurement(server, answer):
    address, _ = server([answer, b"\r\n\r\n"])

    with pytest.raises(RuntimeError, match="was answered with"):
        Caller(address, 1).rate([REQUEST])
