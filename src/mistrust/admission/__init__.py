"""An AdmissionReview becomes a verdict: which policies ask, what each says, what the answer is."""
