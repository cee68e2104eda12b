"""What a change of a cluster grants and takes, in every layer at once."""
