"""Writers, relays, brokers and endpoints under fire, and an audit of what was really received.

`script/fault_run` does all of it in large; `tests/chaos/test_fault_run.py` some of it in seconds.
"""
