"""How orders are shown to staff: money, colours, words."""
