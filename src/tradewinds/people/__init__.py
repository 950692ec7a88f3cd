"""Who may do what, what takes two people, and what people are told.

Pure: imports `core` only. Begin at `role.py` (roles and permissions), then `four_eyes.py` (what one person cannot do alone) and
`token.py` (how a person proves to be one).
"""
