"""Models of research: labels that lie strictly in the future, honest splits, learners, cards, drift, inference by hash. Pure."""
