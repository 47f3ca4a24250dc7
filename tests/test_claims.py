"""What README and docs say in figures is what the code does: a sentence each, its figures put in from the code."""

import re
import runpy
import tomllib
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from parascale.cli import STOPPED, TERMINATED, UNREAD, UNUSABLE
from parascale.cli.voice import PROGRESS_INTERVAL
from parascale.evaluation import intervals, methods, plan, results, tables, verify
from parascale.files.formats import FORMATS
from parascale.generators import GENERATORS
from parascale.media import depth_file, suffixes
from parascale.parallax import calibrate, clearance, framing, lead, metrics, passes, shot, shot_measures
from parascale.parallax.methods import METHODS
from parascale.parallax.settings import PRESETS, Settings
from parascale.retime.modes import MODES
from parascale.solve import clip, linking
from parascale.solve.depth import statistic_error, track_depth
from parascale.solve.lens import focal
from parascale.solve.motion import keyframes
from parascale.solve.reconstruction import drift, gate
from parascale.solve.tracking import footage

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text())


def percent(share: float) -> str:
    return f"{100 * share:g} %"


SHOT = Settings.preset("shot")

CLAIMS: list[tuple[str, str]] = [
    ("docs/solving.md", f"Up to {footage.MAX_FRAMES:,} frames are solved at once"),
    ("docs/solving.md", f"at most {footage.WORKING_SIDE} pixels on the longer side"),
    ("docs/solving.md", f"Where two frames share fewer than {2 * linking.MIN_SHARED_TRACKS} tracks"),
    ("docs/solving.md", f"fewer than {gate.MIN_OBSERVATIONS} inliers in a frame"),
    ("docs/solving.md", f"a reprojection error over {gate.MAX_REPROJECTION_ERROR:g} pixel,"),
    ("docs/solving.md", f"under {percent(gate.MIN_INLIER_RATIO)} of the observations"),
    ("docs/solving.md", f"spans less than {gate.MIN_SPAN:g} standard deviations of its steps"),
    ("docs/solving.md", f"a step {gate.MAX_JUMP:g} times its neighbours"),
    ("docs/solving.md", f"comes nearer by {drift.MAX_DEPTH_RATIO} times is split"),
    ("docs/solving.md", f"Where it is more than {percent(focal.MAX_OBSERVABLE_SPREAD)}"),
    ("docs/solving.md", f"a lens of {clip.ASSUMED_FOCAL * 36:g} mm"),
    ("docs/solving.md", f"over {track_depth.GRID[0]} x {track_depth.GRID[1]} cells"),
    ("docs/solving.md", f"({focal.LENS_SPREAD} of a lens that nothing tells"),
    (
        "docs/solving.md",
        f"each half of the tracks in {['', 'four'][statistic_error.SAMPLED_FRAMES == 4]} frames, which",
    ),
    ("docs/solving.md", f"maps {keyframes.MIN_KEYFRAMES} to {keyframes.MAX_KEYFRAMES} keyframes"),
    ("docs/refusals.md", f"fewer than {linking.MIN_SHARED_TRACKS} points are seen in two pictures in a row"),
    ("docs/refusals.md", f"metres a grey level, {depth_file.PNG_SCALE:g} for millimetres"),
    ("docs/conventions.md", f"else {shot.EXACT_FLOOR:.0e}".replace("e-06", "e-6")),
    ("docs/conventions.md", f"or {metrics.REST_SHARE:.0e} of the slower".replace("e-04", "e-4")),
    ("docs/conventions.md", f"less than {passes.SETTLED_LOG_GAIN:.0e}".replace("e-03", "e-3")),
    ("docs/conventions.md", f"from at most {calibrate.GLOBAL_STEPS} steps spread over the shot"),
    ("docs/conventions.md", f"of at most {SHOT.max_jump}, or the reference's own"),
    ("docs/conventions.md", f"the larger of near clip and {clearance.CLEARANCE_SHARE} Z'"),
    ("docs/conventions.md", f"surfaces seen in the last {clearance.REMEMBERED_FRAMES} frames"),
    ("docs/conventions.md", f"turned aside by at most {clearance.BENDS[-1]:g} degrees"),
    ("docs/conventions.md", f"the nearest sample within {framing.REACH} frame widths"),
    ("docs/conventions.md", f"by a Gaussian of {framing.SMOOTH_SECONDS} s"),
    ("docs/conventions.md", f"A new lead is eased in over {lead.EASE_SECONDS} s"),
    ("docs/conventions.md", f"for {percent(lead.MIN_HELD_SHARE)} of the frames within {lead.MAX_WANDER} frame widths"),
    ("docs/conventions.md", f"within {shot_measures.HELD_WITHIN} frame widths of its place"),
    ("docs/conventions.md", f"below {percent(shot_measures.STANDING_SHARE)} of its largest"),
    ("docs/evaluation.md", f"({intervals.RESAMPLES:,} resamples of a fixed seed)"),
    ("docs/evaluation.md", f"with their {percent(intervals.LEVEL)} percentile bootstrap interval"),
    ("docs/evaluation.md", f"drawn once a clip from N(0, {methods.METRIC_SIGMA})"),
    ("docs/evaluation.md", "multiplied by clip(s / median s, {}, {:g})".format(*methods.ROTATION_FACTORS)),
    ("docs/evaluation.md", f"up to {['', 'ten'][tables.WORST == 10]} calibrated paths"),
    ("docs/command-line.md", f"at most every {['', 'ten'][PROGRESS_INTERVAL == 10]} seconds"),
    ("README.md", f"Python {PROJECT['project']['requires-python'].removeprefix('>=')} or 3.13"),
    ("CHANGELOG.md", f"Camera paths of {len(FORMATS)} formats are read"),
]


def plain(path: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / path).read_text())


@pytest.mark.parametrize(("page", "sentence"), CLAIMS)
def test_a_figure_in_a_page_is_that_of_the_code(page: str, sentence: str) -> None:
    assert sentence in plain(page)


TABLES: list[tuple[str, Sequence[str]]] = [
    ("docs/conventions.md", list(METHODS)),
    ("docs/evaluation.md", [*plan.SCENES, *plan.SCENES.values(), *plan.MOVES]),
    ("docs/evaluation.md", [name for name in methods.METHODS if name not in METHODS]),
    ("docs/framing.md", list(PRESETS)),
    ("docs/retiming.md", list(MODES)),
    ("docs/generators.md", list(GENERATORS)),
    ("docs/refusals.md", [ending for ending in suffixes.DEPTH_SUFFIXES if ending in (".npy", ".npz", ".exr")]),
    ("docs/command-line.md", [f"| {code} |" for code in (UNUSABLE, STOPPED, UNREAD, TERMINATED)]),
]


@pytest.mark.parametrize(("page", "names"), TABLES)
def test_a_page_names_every_row_of_its_table(page: str, names: Sequence[str]) -> None:
    text = plain(page)
    assert [name for name in names if name not in text] == []


def test_targets_of_make_that_pages_name_exist() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = set(phony.split())
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"`make ([a-z0-9-]+)", page.read_text())}
    assert named
    assert named <= targets


def test_extras_that_pages_install_exist() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "examples" / "README.md",
    ]
    named = {
        extra
        for page in pages
        for listed in re.findall(r'pip install (?:-e )?"\.\[([a-z,]+)\]"', page.read_text())
        for extra in listed.split(",")
    }
    assert named
    assert named <= extras


def test_commands_that_pages_type_exist_with_their_options() -> None:
    from typer.main import get_command

    from parascale.cli import app

    group = get_command(app)
    known = group.commands  # type: ignore[attr-defined]
    wrong = []
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(r"^(?:    )?parascale ([^#\n`]+)", page.read_text(), re.MULTILINE):
            name, *words = line.split()
            command = known.get(name)
            options = {
                option for each in getattr(command, "params", ()) for option in (*each.opts, *each.secondary_opts)
            }
            if command is None or not hasattr(command, "params") or hasattr(command, "commands"):
                wrong += [] if command is not None or not name.isalpha() else [(page.name, line)]
                continue
            used = {re.split(r"[=\]|]", word.lstrip("["))[0] for word in words if word.lstrip("[").startswith("--")}
            wrong += [(page.name, name, option) for option in sorted(used - options - {"--help"})]
    assert wrong == []


def test_a_second_pass_is_made_where_the_help_says() -> None:
    from parascale.cli.generate import generate

    help_text = str(generate.__annotations__["second_pass"].__metadata__[0].help)
    assert f"over {100 * (verify.SECOND_PASS_ABOVE_FACTOR - 1):.0f} %" in help_text


def test_the_package_says_who_made_it_and_for_whom() -> None:
    project = PROJECT["project"]
    assert project["authors"] == [{"name": MANIFEST["maintainer"]}]
    assert project["urls"]["Paper"] in (ROOT / "README.md").read_text()
    versions = {line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line}
    assert versions == {"3.11", "3.13"}


def test_the_package_describes_itself_by_nothing_that_it_does_not_carry() -> None:
    told = (ROOT / PROJECT["project"]["readme"]).read_text()
    assert PROJECT["project"]["urls"]["Paper"] in told
    assert [link for link in re.findall(r"\]\(([^)]*)\)", told) if not link.startswith("https://")] == []
    extras = PROJECT["project"]["optional-dependencies"].keys() - {"dev"}
    assert {"/docs", "/examples"} <= set(PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert sorted(re.findall(r"`(\w+)`", told.partition("an extra:")[2].partition(".")[0])) == sorted(extras)


TOOL = runpy.run_path(str(ROOT / "tools" / "evaluation_page.py"))


def rows_of(file: str) -> list[results.Row]:
    rows: list[results.Row] = TOOL["read_rows"](TOOL["DATA"] / file)
    return rows


def test_tables_of_the_evaluation_are_those_that_its_files_come_to() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text()
    assert TOOL["with_tables"](text) == text
    # No table of figures but those.
    assert not re.findall(r"\| -?\d+\.\d+ [|\[]", TOOL["MARK"].sub("", text))
    files = {file for _, file, *_ in TOOL["MARK"].findall(text)}
    others = {f"evaluation-{name}.json" for name in ("videos", "preview", "icl", "tum")}
    assert files == {"evaluation.csv", "evaluation.json"} | others


def test_the_evaluation_has_every_method_between_all_scenes_by_every_move() -> None:
    rows = rows_of("evaluation.csv")
    assert Counter(row.key for row in rows) == dict.fromkeys(product(plan.REGIMES, plan.MOVES, plan.DEFAULT_METHODS), 1)
    assert [row.key for row in rows if row.method == "closed-loop" and not row.true_pce >= 0] == []


def test_the_evaluation_keeps_what_it_promises() -> None:
    rows = rows_of("evaluation.csv")
    own = [row for row in rows if row.method == "closed-loop"]
    assert results.mean(row.pce for row in own) <= 0.03
    for pair in map(plan.scales_of, plan.REGIMES):
        assert results.mean(row.pce for row in own if plan.scales_of(row.regime) == pair) <= 0.06, pair
    assert abs(results.raw_slope(rows) - 1) <= 0.02
