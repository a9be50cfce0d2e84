"""Names of the declarations as staff read them."""

from proactive.naming import in_words

__all__ = ["in_words"]
