"""`python -m scripts.audit`: does any package of the lock files have a known vulnerability?

Asks PyPI's advisories by pip-audit, which is fetched into an environment of its own. Leaves with 1
for a vulnerability. Where the tool or the advisories cannot be had, as on a machine that reaches a
mirror of the packages only, it says so in one line that begins with NOT ASKED, and leaves with 0:
that is no finding, and nobody should take it for a clean one.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Has all of requirements.txt in it.
LOCK = ROOT / "requirements-dev.txt"
TOOL = "pip-audit==2.9.0"
PATIENCE = 300


def main(lock: Path = LOCK) -> int:
    with TemporaryDirectory(prefix="outreach-audit-") as folder:
        try:
            program = installed(Path(folder))
        except (OSError, subprocess.SubprocessError) as error:
            return not_asked(f"{TOOL} cannot be had ({_last_line(error)})")
        try:
            done = subprocess.run(
                [
                    *(str(program), "--disable-pip", "--require-hashes", "-r", str(lock)),
                    *("--format", "json", "--progress-spinner", "off"),
                ],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return not_asked(f"no answer within {PATIENCE} seconds")
    return judged(done.stdout, done.stderr)


def installed(folder: Path) -> Path:
    """Where pip-audit is. Raises OSError or SubprocessError."""
    environment = folder / "environment"
    python = environment / "bin" / "python"
    if which("uv"):
        make: list[Sequence[str]] = [
            ("uv", "venv", "--quiet", "--python", sys.executable, str(environment)),
            ("uv", "pip", "install", "--quiet", "--python", str(python), TOOL),
        ]
    else:
        make = [
            (sys.executable, "-m", "venv", str(environment)),
            (str(python), "-m", "pip", "install", "--quiet", TOOL),
        ]
    for step in make:
        subprocess.run(step, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return environment / "bin" / "pip-audit"


def judged(output: str, errors: str) -> int:
    """The exit status for what pip-audit printed, and the words for it."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return not_asked(f"the advisories do not answer ({_last_line(errors)})")
    found = [
        f"{one['name']} {one['version']}: {known['id']}, mended in "
        f"{', '.join(known.get('fix_versions') or ()) or 'no version so far'}"
        for one in packages
        for known in one.get("vulns", ())
    ]
    asked = sum("vulns" in one for one in packages)
    if asked == 0:
        return not_asked("no package could be looked up")
    for line in found:
        print(f"VULNERABLE: {line}")
    left_out = f"; NOT ASKED about {len(packages) - asked}" if asked < len(packages) else ""
    print(f"{asked} packages asked about, {len(found)} vulnerabilities{left_out}.")
    return 1 if found else 0


def not_asked(why: str) -> int:
    print(f"NOT ASKED: whether dependencies are vulnerable is unknown: {why}.")
    return 0


def _last_line(said: object) -> str:
    text = getattr(said, "stderr", None) or str(said)
    lines = str(text).strip().splitlines()
    return lines[-1].strip()[:200] if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main())
