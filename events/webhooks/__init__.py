"""Webhooks: events sent to the addresses that storefronts name, by Standard Webhooks."""
