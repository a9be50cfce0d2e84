"""Everything on this machine, with made-up people and texts that reach nobody.

Sets up the database, starts the web server, a Celery worker and beat, and shows what to look at.
With SMS_GATEWAY=twilio a Twilio runs beside them, on whose page one can play the people. Ctrl-C or
SIGTERM stops all of it; when one part dies, so do the others. Running it again goes on where it
was.
"""

import os
import signal
import socket
import sys
import time

import demo_twilio
import environ
from demo_processes import LOGS, ROOT, Processes, Stop, Trouble
from demo_texts import Texts, read_twilio_log, read_worker_log

CAREGIVERS = 2000

SCREEN = """
  {service} runs here with made-up people. {promise}

  Open      http://localhost:{port}/admin/
  Log in    user demo, password demo; or demo-lead, demo-nurse or demo-viewer, with the same
            password, who may do less
{play}
  Look at   Home: who needs a person now, whether outreach runs, what went out
            People: open one, and see what they get next, and which rule lets or stops each text
            Care alerts: what a person must look at, and who looks after it
            Texts: what went out, what waits, and why something did not go
            Cadences: when which text is sent, and how to turn one kind off, or everything
            Words: what the texts say

  Or ask    .venv/bin/python manage.py explain {number}
            .venv/bin/python manage.py forecast {number}

  Logs      var/log/web.log, var/log/worker.log, var/log/beat.log
  Texts     {texts}, and below, as they go out (night is night: in the
            small hours there may be none)

  Stop      Ctrl-C. `make run` goes on where it was; `rm -r var` before it starts afresh.
"""

PLAY = """
  Play      http://localhost:{port}/
            Read what people receive there, and text as any of them
"""


def main() -> int:
    os.chdir(ROOT)
    processes = Processes()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, processes.ask_to_stop)
    try:
        port, twilio_port = prepare_environment()
        set_up(processes)
        texts = (
            Texts(demo_twilio.LOG, read_twilio_log)
            if twilio_port
            else Texts(LOGS / "worker.log", read_worker_log)
        )
        start(processes, port, twilio_port)
        show(port, twilio_port)
        while True:
            processes.check()
            texts.show_new()
            time.sleep(0.5)
    except Stop:
        print("\nStopping...", flush=True)
        return 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1
    finally:
        processes.stop()


def prepare_environment() -> tuple[int, int | None]:
    """Sets what nobody has set, and refuses what a demonstration must not touch.

    Returns the ports of the web server and of the fake Twilio, if there is to be one.
    """
    environ.Env.read_env(ROOT / ".env")
    sys.path.insert(0, str(ROOT))
    port = read_port("PORT", 8000)
    os.environ.setdefault("DEBUG", "true")
    os.environ.setdefault("SMS_GATEWAY", "console")
    os.environ.setdefault("PUBLIC_BASE_URL", f"http://localhost:{port}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")
    # So that logs are written line by line, and texts show up as they go out.
    os.environ["PYTHONUNBUFFERED"] = "1"
    twilio_port = None
    if os.environ["SMS_GATEWAY"].strip() == "twilio":
        twilio_port = read_port("FAKE_TWILIO_PORT", port + 1)
        demo_twilio.prepare_environment(twilio_port)

    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        debug = settings.DEBUG
    except ImproperlyConfigured as error:
        raise Trouble(str(error)) from error
    if not debug:
        raise Trouble(
            "DEBUG is off, and this is a demonstration with a known password.\n"
            "Try: DEBUG=true make run. To deploy, see docker-compose.yml."
        )
    check_free("PORT", port)
    if twilio_port:
        check_free("FAKE_TWILIO_PORT", twilio_port, unlike=port)
    return port, twilio_port


def read_port(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name) or default)
    except ValueError:
        raise Trouble(f"{name} must be a number, such as: make run {name}=8001") from None


def check_free(name: str, port: int, *, unlike: int | None = None) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise Trouble(f"Port {port} is not allowed. Try: make run {name}=8001") from error
        except OSError as error:
            raise Trouble(
                f"Port {port} is taken, perhaps by another `make run`. Stop that one, "
                f"or try: make run {name}={port + 1}"
            ) from error
        except OverflowError as error:
            raise Trouble(f"There is no port {port}. Try: make run {name}=8001") from error
    if port == unlike:
        raise Trouble(f"{name} must be another port than {unlike}: the web server has that one.")


def set_up(processes: Processes) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for step, arguments in (
        ("Preparing the database", ["migrate", "--noinput"]),
        ("Making up people", ["seed_demo", "--caregivers", str(CAREGIVERS)]),
        ("Setting the clock", ["sync_schedules"]),
    ):
        print(f"{step}...", flush=True)
        processes.run(arguments[0], [sys.executable, "manage.py", *arguments])


def start(processes: Processes, port: int, twilio_port: int | None) -> None:
    from django.conf import settings

    if twilio_port:
        print("Starting a Twilio of our own...", flush=True)
        demo_twilio.start(
            processes, port=twilio_port, web_port=port, public_base=settings.PUBLIC_BASE_URL
        )
    celery = [sys.executable, "-m", "celery", "-A", "caregiving"]
    print("Starting the web server, the worker and the clock...", flush=True)
    processes.start(
        "web", [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    )
    processes.start("worker", [*celery, "worker", "--concurrency", "2"])
    # No pid file: one that a crash left behind would keep beat from starting.
    processes.start("beat", [*celery, "beat", "--pidfile", ""])

    from caregiving.celery import app

    # Whoever tries this out should not wait for the clock to tick.
    app.send_task("proactive.tasks.tick", expires=60)

    processes.wait_for(f"http://127.0.0.1:{port}/health/", "web")


def show(port: int, twilio_port: int | None) -> None:
    import django
    from django.conf import settings

    django.setup()
    from caregiving.models import Caregiver

    someone = Caregiver.objects.active().filter(last_crisis_event_at__isnull=False).first()
    texts = demo_twilio.LOG if twilio_port else settings.CONSOLE_SMS_LOG
    print(
        SCREEN.format(
            service=settings.SERVICE_NAME,
            promise=(
                "Texts go to a Twilio that runs here too, and to nobody."
                if twilio_port
                else "Texts are printed, never sent."
            ),
            port=port,
            play=PLAY.format(port=twilio_port) if twilio_port else "",
            number=someone.phone_number if someone else "PHONE",
            texts=texts.relative_to(ROOT) if texts.is_relative_to(ROOT) else texts,
        ),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
