"""ValidatingAdmissionPolicies, as the API server evaluates them (k8s.io/apiserver pkg/admission/plugin/policy)."""
