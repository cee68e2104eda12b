"""What is worth knowing about Istio in a cluster."""
