"""Sphinx settings of the HTML report: offline, no notebook is run, formulas as MathML."""

from __future__ import annotations

import html

from docutils import nodes
from docutils.utils.math import latex2mathml, unichar2tex
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

project = "VPipe"
author = "VPipe"
copyright = "the VPipe authors; text and code under Apache-2.0"
extensions = ["myst_nb"]
templates_path: list[str] = []
exclude_patterns = ["_build"]
smartquotes = False  # it would turn a `--` in a name into a dash

nb_execution_mode = "off"  # the workflow has run them
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # the default loads scripts from the internet
nb_render_text_lexer = "none"
nb_code_prompt_show = nb_code_prompt_hide = "code"  # of all cells; that with the parameters says so itself
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]

html_theme = "sphinx_book_theme"
html_title = "VPipe"
html_static_path = ["_static"]
html_css_files = ["vpipe.css"]
html_js_files = ["vpipe.js"]  # the switch that opens all code of the pages
html_show_sphinx = False
html_last_updated_fmt = ""
html_context = {"default_mode": "auto"}  # light or dark as the system, until a reader chooses
html_math_renderer = "mathml"
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "default",
}


def as_mathml(source: str, block: bool) -> str:
    """LaTeX as MathML, which browsers draw without scripts; what docutils cannot parse is shown as code."""
    code = source.translate(unichar2tex.uni2tex_table)
    try:
        return latex2mathml.tex2mathml(code, as_block=block)
    except Exception as error:
        getLogger(__name__).warning("formula %r: %s", source, error)
        return f"<code>{html.escape(source)}</code>"


def _inline(writer, node: nodes.math) -> None:
    writer.body.append(as_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(writer, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{as_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
