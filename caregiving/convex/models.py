"""What the move from Convex has to remember: who is who there, and how far an import got."""

from typing import Any

from django.db import models


class ConvexPerson(models.Model):
    """Who of ours a document of the table `users` is, and what was last taken from there.

    `taken`: by table, the values that it had at the last import. Without it nobody could tell a
    name that staff have corrected here from one that has changed there.
    """

    caregiver = models.OneToOneField(
        "caregiving.Caregiver", on_delete=models.CASCADE, primary_key=True, related_name="convex"
    )
    # Unique: read by every batch of an import, and one document is one person.
    convex_id = models.CharField(max_length=64, unique=True)
    taken = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.convex_id


class ConvexImport(models.Model):
    """One import of a snapshot: how far it got, what it counted, and what it could not take.

    `table`, `line`: the last line that is committed; an import of the same file goes on after it.
    `rejects_size`: how many bytes of the file of rejected rows belong to that. `rejects`: the first
    of its lines without the documents, compressed by zlib, for the admin.
    """

    name = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    table = models.CharField(max_length=64, blank=True)
    line = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    rejects_size = models.PositiveBigIntegerField(default=0)
    rejects = models.BinaryField(default=bytes)

    class Meta:
        default_permissions = ()
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def bad(self) -> int:
        """Rows that could not be taken."""
        tables: dict[str, Any] = self.counts.get("tables", {})
        return sum(one["bad"] for one in tables.values())

    @property
    def opt_outs_lost(self) -> int:
        """Of these, how many hold an opt-out of which nobody can tell whose it is."""
        return int(self.counts.get("opt_outs_lost", 0))
