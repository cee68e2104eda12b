"""What leads out of a container: to its node, to other pods, to an identity. One family a file."""
