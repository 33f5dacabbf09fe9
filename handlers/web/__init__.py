"""The page: the local chat, the board, the waves and their feeds, for a browser and for programs."""

from handlers.web.chat import LOCAL, LocalChat
from handlers.web.door import Door
from handlers.web.site import Site

__all__ = ["LOCAL", "Door", "LocalChat", "Site"]
