"""What is shown of new policies beside uses kept and nothing gained between workloads."""
