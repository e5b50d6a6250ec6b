"""What `manage.py doctor` looks for: rows that contradict each other, and what waits for somebody.

It only reads, and takes no lock. A change saves an order and its parts together, as the order's
next version; so parts that were read while the version stayed the same belong to each other, and what looks
wrong is read again like that before it is told.
"""

from orders.doctor.examination import examine
from orders.doctor.extent import Extent
from orders.doctor.findings import CHECKS, Found, Report, Severity
from orders.doctor.sales import days_summed_wrongly

__all__ = ["CHECKS", "Extent", "Found", "Report", "Severity", "days_summed_wrongly", "examine"]
