"""What every figure means and has to reach, in the order of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`what` is measured `against` what; the ratio must be `at_least`, or `at_most`, so much."""

    what: str
    against: str
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, ratio: float) -> bool:
        return (self.at_least is None or ratio >= self.at_least) and (
            self.at_most is None or ratio <= self.at_most
        )

    def says(self) -> str:
        """`at least 0.7`."""
        if self.at_least is not None:
            return f"at least {self.at_least:,g}"
        return f"at most {self.at_most:,g}"


TARGETS = {
    "idle_sweep_growth": Target("an idle sweep, many people", "few people", at_most=1.5),
    "idle_sweep_vs_scan": Target("an idle sweep", "load each band, filter", at_least=1000),
    "claim_vs_sql": Target("claims of a sweep", "one statement a thousand", at_least=0.7),
    "claim_vs_loop": Target("claims of a sweep", "one person at a time", at_least=20),
    "sweep_memory": Target("peak memory, many due", "few due", at_most=1.2),
    "deliver_vs_loop": Target("delivery", "the official client in a loop", at_least=25),
    "deliver_vs_http": Target("delivery", "an HTTP pool, no database", at_least=0.7),
    "deliver_scaling": Target("two worker processes", "one", at_least=1.8),
    "webhook_vs_empty": Target("status callbacks", "only check the signature", at_least=0.5),
    "people_list_growth": Target("list of people, many", "few people", at_most=1.5),
    "explain_one": Target("explain one of many", "of few people", at_most=1.3),
}
