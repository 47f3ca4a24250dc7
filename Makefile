# Every target sets up what it needs. `make demo` and `make test` are all a newcomer has to type.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
REFERENCE ?=
SCENE ?=
PYTEST_MARKS ?=
START ?=
END ?=

.PHONY: demo check test test-blender45 test-blender50 test-blender52 test-background window-root window manual docs bench gpu soak dist lint clean

demo: .venv/ready
	$(BIN)/python tools/demo.py --output demo $(if $(REFERENCE),--reference "$(REFERENCE)") $(if $(SCENE),--scene "$(SCENE)") $(if $(START),--start $(START)) $(if $(END),--end $(END))

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What starts processes or Blender waits for `make test`.
check: lint
	$(BIN)/python -m pytest tests -n 2 -m "not slow and not window" $(addprefix --ignore tests/,addon blender cli depth generators service tools)

test:
	$(MAKE) --jobs 2 --output-sync=target .venv/ready-dev .venv-blender45/ready .venv-blender52/ready window-root
	$(MAKE) lint build/zips/ready .venv-blender50/ready
	PARASCALE_SOAK=0.1 PARASCALE_ZIPS=build/zips $(BIN)/python -m pytest tests -n 2 --ignore tests/addon
	$(MAKE) --jobs 2 --output-sync=target test-blender45 test-blender52
	$(MAKE) --jobs 2 --output-sync=target PYTEST_MARKS='not slow' test-blender50 test-background

test-blender45 test-blender52: test-%: .venv-%/ready build/zips/ready
	PARASCALE_ZIPS=build/zips tools/test_in_blender.sh .venv-$*

# The tests of the add-on alone: the room that imports bpy is tested in this line with all others.
test-blender50: .venv-blender50/ready build/zips/ready
	PARASCALE_ZIPS=build/zips tools/test_in_blender.sh .venv-blender50 -m "$(PYTEST_MARKS)"

test-background: .venv/ready-dev build/zips/ready window-root
	PARASCALE_ZIPS=build/zips tools/test_in_background.sh build/window-root tests/addon -m "$(PYTEST_MARKS)"

# Where this machine cannot make it, the tests that need it skip and say why.
window-root:
	tools/window_root.sh build/window-root || [ $$? = 4 ]

window: .venv/ready-dev build/zips/ready
	PARASCALE_ZIPS=build/zips $(BIN)/python -m pytest tests/window -s

# The pictures of docs/manual, taken anew.
manual: .venv/ready-dev build/zips/ready window-root
	$(BIN)/python tools/manual.py

# The documentation as a site, in an environment of its own.
docs: .venv-docs/ready .venv/ready
	$(BIN)/python tools/command_reference.py
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet

# Whatever one of them says, the others are run; those that failed are named at the end.
bench: .venv/ready-dev
	failed=; for bench in tests/benchmarks/bench_*.py tests/benchmarks/*/bench_*.py; do \
	  echo "== $$bench"; $(BIN)/python "$$bench" || failed+=" $$bench"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

# Published sizes with random numbers, on a GPU; says so and skips where there is none.
gpu: .venv/ready-dev
	$(BIN)/python -m pytest tests/generators/test_gpu.py

soak: .venv/ready-dev
	PARASCALE_SOAK=1.0 $(BIN)/python -m pytest tests/soak --timeout 3600

# Without what the tests need: torch is gigabytes.
dist: .venv/ready build/zips/ready
	rm -rf dist && $(BIN)/python -m build --outdir dist .
	cp -r build/zips/* dist/ && rm dist/ready
	$(BIN)/python tools/build_extension.py --output-dir dist --own --complete
	cd dist && find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS

clean:
	rm -rf .venv .venv-docs .venv-blender45 .venv-blender50 .venv-blender52 build dist demo

.venv/ready: pyproject.toml tools/setup_venv.sh constraints/py311.txt constraints/py313.txt
	tools/setup_venv.sh .venv "3.11 3.13" demo
	touch $@

.venv/ready-dev: .venv/ready
	tools/setup_venv.sh .venv "3.11 3.13" dev
	touch $@

.venv-docs/ready: constraints/docs.txt .venv/ready
	$(BIN)/python -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --requirement constraints/docs.txt
	touch $@

.venv-blender45/ready: tools/setup_venv.sh constraints/py311.txt
	tools/setup_venv.sh .venv-blender45 3.11 blender
	touch $@

.venv-blender50/ready: .venv/ready-dev tools/lend_packages.py
	$(BIN)/python tools/lend_packages.py .venv-blender50 5.0 bpy pytest pytest-timeout
	touch $@

.venv-blender52/ready: tools/setup_venv.sh constraints/py313.txt
	tools/setup_venv.sh .venv-blender52 3.13 blender
	touch $@

build/zips/ready: .venv/ready $(shell find blender_addon backend tools/build_extension.py blender_manifest.toml -name '*.py' -o -name '*.toml' -o -name '*.html' -o -name '*.json')
	rm -rf build/zips
	$(BIN)/python tools/build_extension.py --output-dir build/zips
	touch $@
