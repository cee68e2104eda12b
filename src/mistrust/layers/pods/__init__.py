"""What a pod may do to its node: Pod Security Standards and escapes."""
