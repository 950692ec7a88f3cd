"""How commands and DAGs reach the running trading service; see `live.control` for what is said."""

from tradewinds.live.control import ask, control_path, is_running

__all__ = ["ask", "control_path", "is_running"]
