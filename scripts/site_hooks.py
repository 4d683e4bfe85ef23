"""What scripts/docs adds to the pages: pictures for a dark page, full names in the reference, and `llms.txt`.

A page with two headings of one text, or two pages of one title, is a warning, which ends a strict build.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
_log = logging.getLogger("mkdocs.plugins.site_hooks")
_nav: list[Any] = []
_pages: dict[str, tuple[str, str]] = {}
"""Path of each page to its title and its Markdown."""


def on_nav(nav: Any, **_: Any) -> None:
    """Keep the navigation, for `llms.txt`."""
    _nav[:] = nav.items
    _pages.clear()


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let a picture that has a variant for dark pages be shown in the one that fits the page."""
    _pages[page.file.src_uri] = page.title, markdown

    def both(found: re.Match[str]) -> str:
        text, target = found.groups()
        name, _, suffix = target.rpartition(".")
        dark = f"{name}-dark.{suffix}"
        if not (DOCS / page.file.src_uri).parent.joinpath(dark).is_file():
            return found[0]
        return f"![{text}]({target}#only-light)\n![{text}]({dark}#only-dark)"

    return re.sub(r"!\[([^\]]*)\]\(([^)#\s]+)\)", both, markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Let headings of members in the reference name their class, too: `Record.id`, since many classes have an `id`."""
    html = re.sub(
        r'(<h[1-6] id="[\w.]*?(?:\.|\b)([A-Z]\w*)\.\w+"[^>]*>.*?<span class="doc doc-object-name[^"]*">)(?=\w+</span>)',
        r"\1\2.",
        html,
        flags=re.DOTALL,
    )
    headings = re.findall(r"<h[1-6][^>]*>(.*?)</h[1-6]>", html, re.DOTALL)
    texts = Counter(unescape(re.sub(r"<a [^>]*headerlink.*?</a>|<[^>]+>", "", text)).strip() for text in headings)
    if twice := [text for text, times in texts.items() if times > 1]:
        _log.warning(f"{page.file.src_uri} has several headings of one text: {', '.join(twice)}")
    return html


def on_post_build(config: Any, **_: Any) -> None:
    """Write what a language model needs to find its way: the list of pages, and the guide as one text."""
    titles = Counter(title for title, _ in _pages.values())
    if twice := [title for title, times in titles.items() if times > 1]:
        _log.warning(f"several pages have the title {', '.join(twice)}")
    site = Path(config.site_dir)
    lines, texts = [f"# {config.site_name}", "", f"> {config.site_description}", ""], []
    for part in _nav:
        lines += [f"## {part.title}", ""]
        for page in _below(part):
            title, markdown = _pages[page.file.src_uri]
            lines.append(f"- [{title}]({page.file.dest_uri}){_about(markdown)}")
            if part.title not in ("Reference", "Inside"):
                texts.append(markdown.strip())
        lines.append("")
    (site / "llms.txt").write_text("\n".join(lines), "utf-8")
    (site / "llms-full.txt").write_text("\n\n---\n\n".join(texts) + "\n", "utf-8")


def _below(part: Any) -> list[Any]:
    """The pages of a part of the navigation."""
    return [part] if part.is_page else [page for item in part.children for page in _below(item)]


def _about(markdown: str) -> str:
    """What a page is about: its first sentence, without links."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    first = next((text for text in re.split(r"\n\s*\n", prose) if re.match(r"[A-Za-z`*\[]", text)), "")
    sentence = re.split(r"(?<=[.:])\s", " ".join(first.split()))[0]
    return ": " + re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", sentence).rstrip(":") if sentence else ""
