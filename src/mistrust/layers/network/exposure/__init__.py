"""Doors to the outside world: which pods answer at which port, by which object, and whom they see there."""
