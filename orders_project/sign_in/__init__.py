"""How staff sign in: who may try when, what is remembered of a device, and what is said to whoever has to come back."""
