# A front door to CMake: `make demo` for a first picture, `make deps` and `make check` for the tests.
BUILD ?= build
JOBS ?= $(shell nproc)

# What building and testing need. libzstd-dev: Debian 13's libcrypto, where a program is linked statically.
# file: CPack tells by it which of a package's files are libraries.
PACKAGES = build-essential cmake ninja-build pkg-config libjpeg62-turbo-dev libpng-dev zlib1g-dev \
	libjansson-dev libopenblas-openmp-dev libcmocka-dev libssl-dev libdnnl-dev libzstd-dev \
	libpango1.0-dev libutf8proc-dev libwebp-dev file python3 python3-numpy
# Programs that some tests try the sources, pages, packages and batches with; they say so where one is missing.
CHECK_PACKAGES = chromium clang-format fish lintian man-db mandoc poppler-utils shellcheck strace zsh
# What .ci/run needs beside these, with the newest compilers that the release has.
NEWEST = $(shell for name in 'gcc-[0-9]+' 'clang-[0-9]+' 'libclang-rt-[0-9]+-dev'; do \
	apt-cache search --names-only "^$$name$$" 2>/dev/null | cut -d ' ' -f 1 | sort -V | tail -n 1; done)
CI_PACKAGES = $(CHECK_PACKAGES) clang clang-tidy libavif-dev libtiff-dev $(NEWEST)
# What tests/nightly needs beside PACKAGES. libstb-dev: for version 0.1, which compare.sh builds.
CLANG_RUNTIME = $(shell apt-cache depends clang 2>/dev/null | \
	sed -n 's/.*Depends: clang-\([0-9]*\)$$/libclang-rt-\1-dev/p')
NIGHTLY_PACKAGES = clang gcc-aarch64-linux-gnu gcc-s390x-linux-gnu gcovr libstb-dev parallel python3-pil \
	python3-torch qemu-user-static strace valgrind $(CLANG_RUNTIME)

SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# $(call missing,PACKAGES): those that are not installed; nothing where there is no dpkg to ask.
missing = $(shell command -v dpkg-query >/dev/null 2>&1 && \
	{ dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(1) 2>/dev/null; echo; } | \
	awk '$$2 == "installed" {have[$$1] = 1} \
	END {n = split("$(1)", p, " "); for (i = 1; i <= n; i++) if (!(p[i] in have)) print p[i]}')

# $(call say_missing,PACKAGES): names those that are not installed; fails where there are any.
say_missing = missing="$(strip $(call missing,$(1)))"; [ -z "$$missing" ] || { \
	echo "These packages are missing: $$missing" >&2; \
	echo "\`make deps\` installs them, as root or with sudo." >&2; false; }
no_debian = command -v dpkg-query >/dev/null 2>&1 || \
	echo "This is no Debian: src/ARCHITECTURE.md lists the libraries and programs to install." >&2

.PHONY: all deps check-deps ci-deps nightly-deps need-packages configure build demo check figures install package \
	clean

all: build

# Debian packages; does nothing, and needs no rights, where all of them are there. Who lacks the rights is told what to
# ask for.
deps:
	@$(no_debian); missing="$(strip $(call missing,$(PACKAGES)))"; [ -z "$$missing" ] || { \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get update -q && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
	$$missing; } || { echo "These packages were not installed; somebody with root's rights can do it by:" >&2; \
	echo "    apt-get install --no-install-recommends $$missing" >&2; exit 1; }

check-deps:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(CHECK_PACKAGES)"

# In two steps: the newest compilers are known when the lists of packages are there.
ci-deps: deps
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(CI_PACKAGES)"

nightly-deps:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(NIGHTLY_PACKAGES)"

# Says what is missing, and installs nothing.
need-packages:
	@$(call say_missing,$(PACKAGES))
	@missing="$(strip $(call missing,$(CHECK_PACKAGES)))"; [ -z "$$missing" ] || { \
	echo "Tests that need these packages are left out: $$missing"; echo "\`make check-deps\` installs them."; }

# What CMake says of a library that is not there is followed by the names of the packages.
configure:
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) || { $(no_debian); $(call say_missing,$(PACKAGES)); exit 1; }

build: configure
	@cmake --build $(BUILD) -j $(JOBS)

demo: deps
	@$(MAKE) --no-print-directory configure
	@cmake --build $(BUILD) -j $(JOBS) --target vitlrp
	$(BUILD)/vitlrp data/goldfish.jpg --style panel -o $(BUILD)/goldfish.heat.png

check: need-packages
	@$(MAKE) --no-print-directory build
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# The pictures of the documents. VAL is the folder of Tiny-ImageNet's validation images; without it the two that
# need them are left out, which is said. What took long is kept in $(BUILD)/figures.
VAL ?= -
figures: build
	python3 data/make_figures.py $(BUILD)/vitlrp $(VAL) $(BUILD)/figures

install: build
	cmake --install $(BUILD)

# Debian packages, in $(BUILD)-package. Built apart: with Debian's prefix, without tests.
package: need-packages
	@cmake -S . -B $(BUILD)-package -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DVITLRP_TESTS=OFF \
	$(CMAKE_FLAGS)
	@cmake --build $(BUILD)-package -j $(JOBS) --target package

clean:
	rm -rf $(BUILD) $(BUILD)-*
