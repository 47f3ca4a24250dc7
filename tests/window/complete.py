"""What happens in a window without a network, with nothing but the complete zip: five clicks, the strip, the report."""

import os
import shutil
import sys
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import bpy as typed_bpy
from tests.window.driver import SHARE, Steps, area_of, part, press, timed, told, until
from tests.window.five_clicks import five_clicks, generate, iter_once
from tests.window.setting import build_scene, install_zip, show_view

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def install() -> None:
    """Install the zip of this Blender's Python, on a machine that has no `parascale`."""
    told["here_before"] = shutil.which("parascale")
    install_zip("linux-x64-py" + "".join(map(str, sys.version_info[:2])))
    build_scene()


def open_report() -> Steps:
    """Press the button; the desktop's browser is a script here, which writes down what it is to open."""
    browser, opened = SHARE / "browser", SHARE / "opened"
    browser.write_text(f"#!/bin/sh\nprintf %s \"$1\" > '{opened}.part' && mv '{opened}.part' '{opened}'\n")
    browser.chmod(0o755)
    os.environ["BROWSER"] = str(browser)
    yield from press("parascale.open_report", area_of("VIEW_3D"), "UI")
    yield from until(opened.exists, "the browser")
    address = urlsplit(opened.read_text())
    told["opened"] = [address.scheme, address.path.rpartition("/")[2]]
    shutil.copy(url2pathname(address.path), SHARE / "report.html")


def steps() -> Steps:
    yield from timed("install", iter_once(install))
    yield from show_view()
    yield from timed("five clicks", five_clicks())
    yield from timed("to the strip", generate())
    yield from timed("to the report", open_report())
    told["command"] = list(part("settings.preferences").backend_choice().command)
    told["typed"] = sorted({"typer", "rich"} & set(sys.modules))
    bpy.ops.parascale.stop_backend()
