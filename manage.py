#!/usr/bin/env python
"""Django's command-line entry point: `python manage.py help` lists the commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # Says itself what to mend; a traceback would only bury it.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
