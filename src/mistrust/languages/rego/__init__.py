"""Rego, versions 0 and 1, compiled to Python functions over plain JSON values."""
