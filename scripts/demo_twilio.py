"""The Twilio of a demonstration: the fake of the tests, so that one can play both sides."""

import os
import sys

from demo_processes import LOGS, Processes, Trouble

LOG = LOGS / "fake_twilio.jsonl"
SECONDS_BETWEEN_STATUSES = 1


def prepare_environment(port: int) -> None:
    """Makes the fake the Twilio of every process, or refuses to: it must not be a real one."""
    from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER

    for name, ours in (("TWILIO_ACCOUNT_SID", ACCOUNT_SID), ("TWILIO_AUTH_TOKEN", AUTH_TOKEN)):
        if os.environ.get(name, "").strip() not in ("", ours):
            raise Trouble(
                f"{name} is that of a real account: made-up people must not get real texts.\n"
                "Here SMS_GATEWAY=twilio means a Twilio that runs beside the rest. Try:\n"
                "  TWILIO_ACCOUNT_SID= TWILIO_AUTH_TOKEN= SMS_GATEWAY=twilio make run\n"
                "Or only print the texts: SMS_GATEWAY=console make run"
            )
    os.environ["TWILIO_ACCOUNT_SID"] = ACCOUNT_SID
    os.environ["TWILIO_AUTH_TOKEN"] = AUTH_TOKEN
    os.environ["TWILIO_FROM_NUMBER"] = NUMBER
    os.environ["TWILIO_MESSAGING_SERVICE_SID"] = ""
    os.environ["TWILIO_API_BASE_URL"] = f"http://127.0.0.1:{port}"


def start(processes: Processes, *, port: int, web_port: int, public_base: str) -> None:
    LOG.unlink(missing_ok=True)  # it knows nothing of earlier texts either
    processes.start(
        "fake_twilio",
        [
            *(sys.executable, "-m", "tests.fake_twilio", "--port", str(port), "--log", str(LOG)),
            *("--webhooks", f"http://127.0.0.1:{web_port}", "--public-base", public_base),
            *("--delay", str(SECONDS_BETWEEN_STATUSES)),
        ],
    )
    processes.wait_for(f"http://127.0.0.1:{port}/_fake/state", "fake_twilio")
