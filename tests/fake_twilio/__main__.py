"""The fake from a shell: as a server, or to text it as a caregiver does."""

import argparse
import json
import signal
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tests.fake_twilio.account import NUMBER
from tests.fake_twilio.fake import FakeTwilio


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["text"]:
        return text(arguments[1:])
    return serve(arguments)


def serve(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fake_twilio",
        description="A Twilio that runs here, until SIGTERM or Ctrl-C. "
        "To text it as a caregiver does: python -m tests.fake_twilio text --help",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, required=True, help="gets one JSON line per event")
    parser.add_argument(
        "--webhooks", metavar="URL", help="where the web server listens: http://127.0.0.1:8000"
    )
    parser.add_argument(
        "--public-base", metavar="URL", help="its PUBLIC_BASE_URL, if that is another address"
    )
    parser.add_argument("--number", default=NUMBER, help=f"the account's number, now {NUMBER}")
    parser.add_argument(
        "--delay", type=float, default=0.05, help="seconds between one status and the next"
    )
    parser.add_argument(
        "--clock-file", type=Path, help="its first line: seconds to add to the real time"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random faults")
    parser.add_argument(
        "--no-opt-out-handling",
        action="store_true",
        help="take texts to people who said STOP, as Twilio would not",
    )
    options = parser.parse_args(arguments)
    # Blocked before the first thread starts, so that all of them leave the signals to sigwait.
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    try:
        fake = FakeTwilio(
            options.log,
            port=options.port,
            number=options.number,
            webhooks_base=options.webhooks,
            public_base=options.public_base,
            callback_delay=options.delay,
            opt_out_handling=not options.no_opt_out_handling,
            clock_file=options.clock_file,
            seed=options.seed,
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with fake:
        print(f"listening on {fake.url}", flush=True)
        signal.sigwait(stops)
    return 0


def text(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fake_twilio text",
        description="Texts the service as a caregiver does, and prints the reply.",
    )
    parser.add_argument("--to-fake", metavar="URL", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--from", metavar="NUMBER", required=True, dest="person")
    parser.add_argument("--media", action="append", default=[], metavar="URL")
    parser.add_argument("body")
    options = parser.parse_args(arguments)
    content = {"from": options.person, "body": options.body, "media": options.media}
    # Not urllib: that would ask a proxy for an address of this machine.
    connection = HTTPConnection(urlsplit(options.to_fake).netloc, timeout=30)
    try:
        connection.request("POST", "/_fake/inbound", json.dumps(content))
        answer = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError) as error:
        answer = {"error": f"The fake at {options.to_fake} cannot be reached: {error}"}
    finally:
        connection.close()
    if answer["error"]:
        print(answer["error"], file=sys.stderr)
        return 1
    print(answer["reply"] or "(no reply)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
