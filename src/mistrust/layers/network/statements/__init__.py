"""What every kind of policy says, in one form."""
