"""The settings of production, with one more address: a webhook that does nothing."""

from caregiving.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.speed.calling_back_urls"
