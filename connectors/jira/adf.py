"""The least of the Atlassian Document Format: plain text in paragraphs."""

from __future__ import annotations

from typing import Any

from connectors.kit.document import Document


def is_document(value: Any) -> bool:
    return isinstance(value, Document) or (isinstance(value, dict) and value.get("type") == "doc")


def plain(text: str) -> dict[str, Any]:
    """Plain text as a document: an empty line starts a paragraph, a line end is a hard break.

    Jira refuses empty text nodes, so an empty line gives none.
    """
    paragraphs = [_paragraph(block) for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _paragraph(block: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for number, line in enumerate(block.split("\n")):
        if number:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}
