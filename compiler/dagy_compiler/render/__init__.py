"""Drawings of a definition, made from the definition alone, so that a bundle can be drawn too."""

from dagy_compiler.render.dot import dot
from dagy_compiler.render.mermaid import mermaid
from dagy_compiler.render.outline import outline, size

__all__ = ["dot", "mermaid", "outline", "size"]
