"""What Kubernetes and the extensions of CEL add to the standard functions."""
