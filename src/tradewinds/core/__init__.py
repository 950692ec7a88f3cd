"""The vocabulary every room shares. Standard library only.

Begin with `errors` (what can go wrong and what to do next), `instant` (time), `instrument`, `market` (bars),
`observation` (facts with two times), and `ports` (what the edges must implement).
"""
