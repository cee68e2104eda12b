"""What is worth knowing: what is not limited, what does not do what it seems to, what does nothing."""
