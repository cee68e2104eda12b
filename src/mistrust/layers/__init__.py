"""What is granted, what is used, and the policy that is just enough; one room a layer, none knows another."""
