"""Pages for people: tear sheets as one self-contained HTML text, drawn as SVG. Also as objects that a notebook shows.

Pure: takes results, returns text; whoever calls writes the file. Imports `simulation`, `performance` and below. Begin at `tear_sheet.py`.
"""
