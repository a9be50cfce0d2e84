"""Secrets that stand in files: what Docker and Kubernetes mount, in place of the environment.

A file is not shown by `docker inspect`, is not inherited by every process that is started, and can
be readable for one account only.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

# Larger is no secret, but a wrong path.
LARGEST = 64 * 1024

SECRETS = (
    *("SECRET_KEY", "DATABASE_URL", "DATABASE_PASSWORD", "REDIS_URL"),
    *("TWILIO_AUTH_TOKEN", "TWILIO_WEBHOOK_KEY", "OPT_OUT_KEY"),
    *("METRICS_TOKEN", "DEAD_MANS_SWITCH_URL", "EMAIL_URL", "SENTRY_DSN"),
)


def read_secrets(
    environ: Mapping[str, str], names: Iterable[str] = SECRETS
) -> tuple[dict[str, str], list[str]]:
    """For each of `names` whose NAME_FILE is set: what that file holds, without its last newline.

    Returns them by name, and a sentence for each that cannot be, which shows the path and never
    what stands in the file.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        path = environ.get(f"{name}_FILE", "").strip()
        if not path:
            continue
        if environ.get(name, "").strip():
            problems.append(f"{name} and {name}_FILE are both set: keep one of them")
            continue
        try:
            found[name] = _read(Path(path))
        except ValueError as error:
            problems.append(f"{name}_FILE ({path!r}) {error}")
    return found, problems


def _read(path: Path) -> str:
    """Raises ValueError, which goes on where the name of the file ends."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ValueError("is not there: mount the secret, or correct the path") from None
    except PermissionError:
        raise ValueError(
            "may not be read: give the account that runs the service the right to read it"
        ) from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}): name a file") from None
    if len(content) > LARGEST:
        raise ValueError("holds more than 64 KiB: that is no secret; correct the path")
    try:
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8: write the secret itself into it") from None
    if not secret.strip():
        raise ValueError("is empty: write the secret into it")
    return secret
