"""Policy languages: text becomes an expression, is checked, and becomes something that runs. They know no layer."""
