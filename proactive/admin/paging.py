"""Pages of a list that may be long: rows are counted as far as somebody would leaf."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

from proactive.counting import Counted, count


class BoundedPaginator(Paginator):
    """For the `paginator` of an admin, together with `show_full_result_count = False`.

    Has pages for the first `bound` rows; whoever wants others narrows the list.
    """

    bound = 10_000
    template_name = "proactive/pagination.html"  # Unfold asks its paginator for it

    @cached_property
    def count(self) -> Counted:
        if isinstance(self.object_list, QuerySet):
            return count(self.object_list, bound=self.bound)
        return Counted(len(self.object_list))
