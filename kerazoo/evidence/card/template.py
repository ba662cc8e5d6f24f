"""The frame of the page and its style sheet."""

from __future__ import annotations

from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>$title – kerazoo model card</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="summary">$summary</p>
$headline
<nav>$links</nav>
$sections
</main>
<footer>Model card of $title, written by kerazoo $version. Figures come from recorded references;
nobody types them.</footer>
</body>
</html>
""")

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1f23; --soft: #5b6470;
  --line: #d7dce2; --code: #f3f5f7; --accent: #1f5f9e; --bad: #a3341f;
  --seed: #1f5f9e; --baseline: #8a5a00; --limit: #3c6e3f; --published: #8c3a86; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e8eaed; --soft: #a3adb8;
  --line: #394049; --code: #1f242a; --accent: #82b8ee; --bad: #ff9a84;
  --seed: #82b8ee; --baseline: #e0b35a; --limit: #8fcf93; --published: #e0a0da; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, footer { max-width: 56rem; margin: 0 auto; padding: 0 1rem; }
main { padding-top: 1.5rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin: 1rem 0; }
.summary { font-size: 1.1rem; }
.figure { font-size: 1.25rem; margin: 1rem 0 0; }
.none, .warning, .loses { color: var(--bad); }
.facts, .note, figcaption { color: var(--soft); font-size: .9rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: .86rem; background: var(--code); border-radius: 4px; }
code { padding: .1em .3em; overflow-wrap: anywhere; }
pre { padding: .8rem; overflow-x: auto; margin: .5rem 0; }
pre.doc { white-space: pre-wrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--accent); }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
svg text { fill: var(--ink); font-family: system-ui, -apple-system, "Segoe UI", sans-serif; }
svg.dots { display: block; width: 100%; max-width: 34rem; }
.dots text { font-size: 12.5px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.dots .end { font-size: 11px; } .dots .label, .dots .end { fill: var(--soft); }
.axis { stroke: var(--line); } .mean { stroke: var(--seed); stroke-width: 2; }
.seed { fill: var(--seed); fill-opacity: .7; stroke: var(--paper); stroke-width: 1; }
.rule { stroke-width: 1.2; stroke-dasharray: 4 3; }
.baseline .rule { stroke: var(--baseline); } .limit .rule { stroke: var(--limit); }
.published .rule { stroke: var(--published); stroke-dasharray: 1 4; }
.baseline rect, .baseline polygon { fill: var(--baseline); }
.limit rect, .limit polygon { fill: var(--limit); }
.published polygon { fill: var(--published); }
footer { color: var(--soft); font-size: .85rem; margin-top: 3rem; padding-bottom: 2rem; }
@media print { nav { display: none; } pre { white-space: pre-wrap; } }
"""
