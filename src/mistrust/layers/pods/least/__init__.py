"""What pods may have, narrowed to what the evidence, or the definition of a field, shows to be enough."""
