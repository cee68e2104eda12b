"""What follows for any layer, written once."""
