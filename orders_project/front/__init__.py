"""What stands between the network and Django's request threads: nothing slow, large or greedy gets past it."""
