"""Ten thousand items through a sliding window of children: so many at once, never more, and all of them once."""

from .activities import count_items, process_item, store_report
from .models import Batch, Page, Report
from .workflow import process_all, process_page

__all__ = ["Batch", "Page", "Report", "count_items", "process_all", "process_item", "process_page", "store_report"]
