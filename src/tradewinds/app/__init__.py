"""Where people and processes come in: the command line, the demo, the processes. Imports anything below; heavy things lazily.

Begin with `cli` (every command and where it lives).
"""
