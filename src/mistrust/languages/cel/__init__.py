"""CEL as Kubernetes extends it, compiled to Python functions over plain JSON values."""
