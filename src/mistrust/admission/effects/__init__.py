"""Policies on what a change grants, not on its shape: expressions in CEL over the effect of the change."""
