"""The certificates that a cluster shows: what they vouch for, how long, and what is wrong with them."""
