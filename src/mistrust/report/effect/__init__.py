"""The effect of a change: values in, bytes out."""
