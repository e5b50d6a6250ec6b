"""The feed: every event of a storefront, each at a place of its own that it keeps, to be read from any place on."""
