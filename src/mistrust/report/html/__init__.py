"""One HTML file that needs no network: the numbers, the paths as pictures, and every finding with its reason."""
