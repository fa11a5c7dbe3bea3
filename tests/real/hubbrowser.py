"""A user of the hub, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WIDTH, HEIGHT = 1200, 800
_SECONDS = 60


@contextmanager
def browser(pictures: Path) -> Iterator[Page]:
    """A page of Debian's Chromium; when the block fails, it is kept as ``failed.png``."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed: apt-get install chromium"
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=arguments) as started,
        started.new_page(viewport={"width": WIDTH, "height": HEIGHT}) as page,
    ):
        page.set_default_timeout(_SECONDS * 1000)
        try:
            yield page
        except Exception:
            page.screenshot(path=pictures / "failed.png")
            raise


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Log in; ends on the spawn page."""
    page.goto(url)
    page.fill("#username_input", user)
    page.fill("#password_input", password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/spawn**")


def choose(page: Page, slug: str, choices: Mapping[str, str]) -> None:
    """Choose a profile, and choices of its options by their keys."""
    page.check(f"#profile-item-{slug}")
    for option, choice in choices.items():
        page.select_option(f"[name='profile-option-{slug}--{option}']", choice)


def start(page: Page) -> None:
    """Start what is chosen."""
    page.click("#spawn_form [type=submit]")


def open_notebook(page: Page) -> None:
    """Wait for JupyterLab, and open a notebook in it."""
    page.wait_for_selector(".jp-Launcher")
    news = page.locator(".jp-toast-button >> text=No").or_(page.get_by_role("button", name="No"))
    news.first.click()
    page.click(".jp-LauncherCard[data-category=Notebook]")
    # Before the status bar says so, JupyterLab drops what it is told to run.
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()


def run_cell(page: Page, code: str) -> str:
    """Run code in the notebook's last cell; what it printed."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cell = cells.nth(cells.count() - 1)
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    cell.locator(".cm-content", has_text=code.splitlines()[0]).wait_for()
    page.keyboard.press("Shift+Enter")
    output = cell.locator(".jp-OutputArea-output")
    output.first.wait_for()
    return output.first.inner_text().strip()


def picture(page: Page, path: Path, *, whole: bool = False) -> Path:
    """Keep a picture of what is seen of the page, or of the whole."""
    page.screenshot(path=path, full_page=whole)
    return path
