"""From scores and risk to target weights: construction, limits, costs, and a stated ladder where a problem has no solution. Pure."""
