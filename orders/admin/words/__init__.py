"""How an order's facts are said to staff."""
