"""XNet beside the others: trainings, scores, tables."""
