"""The report in Chromium: by mouse and by keyboard, light and dark, wide and narrow, and without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from riverrun.engine.bench.report.faults import write_faults_html
from riverrun.engine.bench.report.stalls import write_stalls_html
from tests.bench.made_result import HOSTILE, hostile_result, made_result
from tests.bench.made_stalls import made_stalls

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FOUND = next((path for name in BROWSERS if (path := shutil.which(name))), None)
PAGES = {
    "faults": lambda: write_faults_html(made_result()),
    "hostile": lambda: write_faults_html(hostile_result()),
    "stalls": lambda: write_stalls_html(made_stalls()),
}


def missing(reason: str) -> None:
    """Skip; but not where the tests decide over a change."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install --group browser")
    if FOUND is None:
        missing(f"none of these is on the PATH: {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for name, write in PAGES.items():
        (folder / f"{name}.html").write_text(write(), encoding="utf-8")
    return folder


class Watched:
    """A page, and all that it said and asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        self.asked.remove(address)

    def style(self, selector: str, name: str) -> str:
        told: str = self.page.locator(selector).first.evaluate(f"(e) => getComputedStyle(e).{name}")
        return told


@pytest.fixture
def watch(browser: Browser, folder: Path) -> Iterator[Any]:
    contexts = []

    def opened(name: str = "faults", width: int = 1280, **context: Any) -> Watched:
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, offline=True, **context))
        return Watched(contexts[-1].new_page(), (folder / f"{name}.html").as_uri())

    watched: list[Watched] = []
    yield lambda *args, **kwargs: watched.append(opened(*args, **kwargs)) or watched[-1]
    for each in watched:
        assert each.said == []  # no test of this file may leave a word in the console
        assert [asked for asked in each.asked if not asked.startswith(("data:", "blob:"))] == []
    for context in contexts:
        context.close()


def test_a_report_of_faults_shows_its_grid_and_its_waterfall(watch: Any) -> None:
    page = watch().page
    assert page.title() == "What clients make of a broken stream"
    assert page.locator(".cell").count() == 13 * 6
    assert page.locator("#w-streams .lanes").count() == 6 + 1
    assert page.locator("#w-streams .mark.fault").count() == 6


def test_a_click_opens_both_logs_as_one_timeline_and_escape_goes_back_to_the_cell(watch: Any) -> None:
    page = watch().page
    cell = page.get_by_role("button", name="httpx, half-close: false success")
    cell.click()
    assert page.locator("#trials h2").text_content() == "httpx under half-close"
    times = [float(told) for told in page.locator(".log tbody .at").all_text_contents()]
    assert times == sorted(times)
    assert page.locator(".log td.caller:not(.empty)").count() > 5
    assert page.locator(".log td.server:not(.empty)").count() > 5
    page.keyboard.press("Escape")
    assert page.locator("#trials").is_hidden()
    assert cell.evaluate("(e) => e === document.activeElement")


def test_the_keyboard_alone_finds_a_cell_and_opens_and_closes_its_trials(watch: Any) -> None:
    page = watch().page
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('cell')"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "httpx, reset-mid-text" in page.evaluate("document.activeElement.ariaLabel")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#trials-name").text_content() == "httpx under reset-mid-text"
    assert page.evaluate("document.activeElement.id") == "close"
    page.keyboard.press("Enter")
    assert page.locator("#trials").is_hidden()


def test_the_grid_is_one_stop_for_the_tab_key(watch: Any) -> None:
    assert watch().page.locator('.cell[tabindex="0"]').count() == 1


def test_another_trial_of_the_cell_can_be_chosen(watch: Any) -> None:
    page = watch().page
    page.locator(".cell").nth(3).click()
    page.locator(".choose button").nth(3).click()
    assert page.locator('.choose [aria-pressed="true"]').text_content().startswith("anthropic, seed 2")


def test_the_waterfall_follows_the_choice_of_fault(watch: Any) -> None:
    page = watch().page
    page.locator("#w-fault").select_option(label="ok")
    assert page.locator("#w-streams .mark.fault").count() == 0


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_page_has_the_look_of_the_system_until_it_is_told_otherwise(look: str, watch: Any) -> None:
    watched = watch(color_scheme=look)
    dark, light = "rgb(16, 19, 23)", "rgb(250, 249, 246)"
    assert watched.style("body", "backgroundColor") == (light if look == "light" else dark)
    watched.page.locator("#look").click()
    assert watched.style("body", "backgroundColor") == light
    watched.page.locator("#look").click()
    assert watched.style("body", "backgroundColor") == dark


CONTRAST = """() => {
  const channel = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data);
  };
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const under = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || ["SCRIPT", "STYLE"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const ink = rgba(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(under(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) poor.push(`${e.tagName} ${e.textContent.slice(0, 20)} ${contrast.toFixed(2)}`);
  }
  return poor;
}"""
"""The texts whose contrast is below what WCAG 2.2 asks of small text (1.4.3, level AA)."""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_text_has_the_contrast_of_level_aa(look: str, name: str, watch: Any) -> None:
    page = watch(name, color_scheme=look).page
    if page.locator(".cell").count():
        page.locator(".cell").first.click()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_page_does_not_scroll_sideways(name: str, watch: Any) -> None:
    page = watch(name, width=360).page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if page.locator(".cell").count():
        page.locator(".cell").first.click()
        assert page.evaluate("document.getElementById('trials').scrollWidth") <= 360
        assert page.locator("#close").is_visible()


def test_a_hostile_answer_is_shown_as_text_and_runs_nothing(watch: Any) -> None:
    page = watch("hostile").page
    page.locator(".cell").click()
    assert HOSTILE in page.locator(".log .said").all_text_contents()
    assert page.title() == "What clients make of a broken stream"
    assert page.locator("img").count() == 0


def test_a_page_without_its_script_has_its_verdicts_and_numbers(watch: Any) -> None:
    page = watch(java_script_enabled=False).page
    assert page.locator(".cell").count() == 13 * 6
    assert page.locator("#look").is_hidden()
    assert page.locator("noscript").first.is_visible()


def test_on_paper_the_controls_are_gone_and_the_grid_is_there(watch: Any) -> None:
    page = watch(color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.locator(".controls").is_hidden()
    assert page.locator(".grid").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_data_can_be_saved_as_a_file(watch: Any) -> None:
    page = watch().page
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "riverrun-bench.json"


LABELS_OUTSIDE = """() => Array.from(document.querySelectorAll(".plot")).flatMap((plot) => {
  const frame = plot.getBoundingClientRect();
  return Array.from(plot.querySelectorAll("text")).filter((text) => {
    const box = text.getBoundingClientRect();
    const isIn = (low, high, from, to) => low >= from - 1 && high <= to + 1;
    return !isIn(box.left, box.right, frame.left, frame.right) || !isIn(box.top, box.bottom, frame.top, frame.bottom);
  }).map((text) => text.textContent);
})"""


@pytest.mark.parametrize("width", [360, 1280])
def test_no_label_of_a_plot_is_cut_off(width: int, watch: Any) -> None:
    page = watch("stalls", width=width).page
    assert page.locator(".plot").count() == 6
    assert page.evaluate(LABELS_OUTSIDE) == []


def test_the_tables_of_stalls_open_by_keyboard_and_are_open_on_paper(watch: Any) -> None:
    page = watch("stalls").page
    cell = page.locator("details td").first
    page.emulate_media(media="print")
    assert cell.is_visible()
    page.emulate_media(media="screen")
    assert cell.is_hidden()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert cell.is_visible()
