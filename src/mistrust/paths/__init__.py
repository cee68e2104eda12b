"""How an attacker gets from a foothold to a target, and the smallest set of changes that stops it."""
