"""What the domain says to the rest of this process."""

from django.dispatch import Signal

# Sent once for each changed order, inside the operation and before anything is committed: a receiver
# that raises undoes the change. Receivers add what is to be written with the change to
# `change.events`. When an order is being placed its rows do not exist yet, its stock may still be
# refused, and when writing meets an obstacle (a number that is taken, say) it is sent again for the next try.
# Provides: change (an orders.announcing.changes.Change)
order_changed = Signal(use_caching=True)
