"""Shows HTML in headless Chromium, where there is one, and tells what came of it on the page."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")

# What notebooks give their outputs: a page that follows the system, JupyterLab's rules for rendered HTML with its
# variables, and a page that says what it is with nothing but its colours.
HOSTS = {
    "plain": ":root{color-scheme:light dark}",
    "lab": ".lab{--jp-content-font-color1:#202020;background:#fff;color:#202020}"
    "@media (prefers-color-scheme: dark){.lab{--jp-content-font-color1:#fff;background:#111;color:#fff}}"
    ".lab table{border-collapse:collapse;border:none;font-size:12px;margin-left:auto;margin-right:auto}"
    ".lab td,.lab th,.lab tr{text-align:right;vertical-align:middle;padding:.5em;max-width:none}"
    ".lab th{font-weight:bold}.lab tbody tr:nth-child(odd){background:#f5f5f5}"
    "@media (prefers-color-scheme: dark){.lab tbody tr:nth-child(odd){background:#212121}}",
    "code": ".code{background:#fff;color:#3b3b3b}"
    "@media (prefers-color-scheme: dark){.code{background:#1f1f1f;color:#cccccc}}",
}

CONTRAST = """
const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
const over = (top, below) => {
  const a = top.length > 3 ? top[3] : 1;
  return [0, 1, 2].map(i => top[i] * a + below[i] * (1 - a));
};
const light = ([r, g, b]) => {
  const part = [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
};
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const page = dark ? [18, 18, 18] : [255, 255, 255];
const behind = node => {
  const layers = [];
  for (let one = node; one; one = one.parentElement) layers.push(rgb(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), page);
};
const seen = node => {
  let opacity = 1;
  for (let one = node; one; one = one.parentElement) opacity *= Number(getComputedStyle(one).opacity);
  return opacity;
};
const contrastOf = shown => {
const contrasts = [];
const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || ["STYLE", "SCRIPT"].includes(node.tagName)) continue;
  const ground = behind(node), ink = rgb(getComputedStyle(node).color);
  const drawn = over([...ink.slice(0, 3), (ink.length > 3 ? ink[3] : 1) * seen(node)], ground);
  const [low, high] = [light(drawn), light(ground)].sort((a, b) => a - b);
  contrasts.push([(high + .05) / (low + .05), walker.currentNode.data.slice(0, 60)]);
}
return contrasts.sort((a, b) => a[0] - b[0])[0];
};
"""
"""Gives, by `contrastOf(element)`, the lowest contrast of a text in it, and the text."""

_MEASURE = (
    CONTRAST
    + """
for (const one of document.querySelectorAll("details")) one.open = true;
const told = {};
for (const shown of document.querySelectorAll("body > div")) {
  const all = [...shown.querySelectorAll("*")];
  told[shown.className] = {
    dark, width: innerWidth, wide: document.documentElement.scrollWidth, contrast: contrastOf(shown),
    tags: [...new Set(all.map(one => one.tagName.toLowerCase()))].sort(),
    scrolling: all.filter(one => one.scrollWidth > one.clientWidth + 1
      && getComputedStyle(one).overflowX === "auto").length,
    aligned: [...new Set([...shown.querySelectorAll("td,th")].map(one => getComputedStyle(one).textAlign))],
    text: shown.innerText, hacked: window.hacked === true,
  };
}
document.body.dataset.told = JSON.stringify(told);
"""
)


def find() -> str:
    """The path of a browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no browser to show HTML in: none of {', '.join(NAMES)} is on the path")
    return found


def show(content: str, *, dark: bool, picture: Path | None = None) -> dict[str, dict[str, Any]]:
    """What a page of 800 pixels shows of some HTML, in each kind of notebook, in a light or a dark theme."""
    browser = find()
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / "page.html"
        shown = "".join(f'<div class="{host}">{content}</div>' for host in HOSTS)
        page.write_text(
            f'<!doctype html><html><head><meta charset="utf-8"><style>{"".join(HOSTS.values())}</style></head>'
            f"<body>{shown}<script>{_MEASURE}</script></body></html>",
            encoding="utf-8",
        )
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            f"--user-data-dir={Path(name) / 'profile'}", "--window-size=800,1000",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        ]  # fmt: skip
        if picture is not None:
            _run([*command, f"--screenshot={picture}", page.as_uri()])
        dom = _run([*command, "--dump-dom", page.as_uri()])
    told = re.search(r'data-told="([^"]*)"', dom)
    assert told is not None, dom[-2000:]
    found: dict[str, dict[str, Any]] = json.loads(html.unescape(told[1]))
    assert all(host["dark"] is dark for host in found.values())
    return found


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
