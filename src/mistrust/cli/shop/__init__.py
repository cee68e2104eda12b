"""A month in the life of the example shop, as an API server and a network would have logged it."""
