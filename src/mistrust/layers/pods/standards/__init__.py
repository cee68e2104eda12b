"""The Pod Security Standards, check by check, as k8s.io/pod-security-admission/policy defines them."""
