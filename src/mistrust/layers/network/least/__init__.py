"""What a policy that is just enough is made of: evidence, selectors, what is needed, and what becomes of old ones."""
