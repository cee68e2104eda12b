"""One connection at a time, straight from the words of the API, with who decided."""
