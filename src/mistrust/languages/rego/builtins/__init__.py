"""The built-in functions of Rego, family by family."""
