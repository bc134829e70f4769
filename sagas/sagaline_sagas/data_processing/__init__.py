"""Ten thousand items through a sliding window: so many at once, never more, and all of them once."""

from .activities import list_items, process_item, store_report
from .models import Batch, Report
from .workflow import process_all

__all__ = ["Batch", "Report", "list_items", "process_all", "process_item", "store_report"]
