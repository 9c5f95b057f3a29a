# What tests/run installs and how; sourced by it. $target is the build folder; notes are printed
# at the end.

typos_version=1.52.0
deny_version=0.20.2

toolchain() {
    command -v cargo >/dev/null || return 1
    cargo --version
    rustc --version
    # Completion knows the standard library by its sources; without them its tests are left out.
    if ! rustup component add rust-src >/dev/null 2>&1; then
        notes+=('rust-src could not be installed, so completion of the standard library was not tested.')
    fi
}

# tool PROGRAM CRATE VERSION: the program's path, from the build folder or PATH, else built.
tool() {
    local program=$1 crate=$2 version=$3 own=$target/tools/bin/$1
    if [[ -x $own ]] && "$own" --version | grep -qwF "$version"; then
        echo "$own"
    elif command -v "$program" >/dev/null && "$program" --version | grep -qwF "$version"; then
        command -v "$program"
    else
        echo "building $crate $version from crates.io, once per build folder" >&2
        # Unoptimised: they check a small tree, so what counts is their own build.
        CARGO_TARGET_DIR=$target/tools/build CARGO_PROFILE_DEV_DEBUG=0 \
            cargo install --debug --locked --force --root "$target/tools" "$crate@$version" >&2 ||
            return 1
        rm -rf "$target/tools/build"
        echo "$own"
    fi
}

spelling() {
    local typos
    typos=$(tool typos typos-cli "$typos_version") || return 1
    "$typos" --config typos.toml
}

licences() {
    local deny log=$target/test-output/deny.log
    deny=$(tool cargo-deny cargo-deny "$deny_version") || return 1
    if ! "$deny" --workspace check --hide-inclusion-graph licenses bans sources >"$log" 2>&1; then
        cat "$log"
        return 1
    fi
    tail -n 1 "$log"
    echo "crates in more than one version: $(grep -c 'warning\[duplicate\]' "$log"), listed in $log"
    # The advisory database is fetched from the network: without it the rest still counts.
    log=$target/test-output/advisories.log
    if timeout 120 "$deny" --workspace check advisories >"$log" 2>&1; then
        tail -n 1 "$log"
    elif [[ $? == 124 ]] || grep -q 'failed to fetch advisory database' "$log"; then
        notes+=('the advisory database could not be fetched, so advisories were not checked.')
        echo "${notes[-1]}"
    else
        cat "$log"
        return 1
    fi
}

python_packages() {
    local python=${PYTHON:-python3} venv=$target/venv wanted
    command -v "$python" >/dev/null || return 1
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || return 1
    wanted=$("$python" --version && cat tests/requirements.txt kernel/papermill/*)
    if [[ -f $venv/made-from && $(<"$venv/made-from") == "$wanted" ]]; then
        echo "up to date in $venv"
        return
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv" || return 1
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        -r tests/requirements.txt || return 1
    # From a copy, since building leaves folders beside the sources.
    rm -rf "$target/papermill" && cp -r kernel/papermill "$target/papermill" || return 1
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "$target/papermill" || return 1
    "$venv/bin/pip" check || return 1
    printf '%s\n' "$wanted" >"$venv/made-from"
}

browser() {
    local candidate
    for candidate in "${MOMENTUM_CHROMIUM-}" chromium chromium-browser google-chrome; do
        if [[ -n $candidate ]] && command -v "$candidate" >/dev/null; then
            MOMENTUM_CHROMIUM=$(command -v "$candidate")
            export MOMENTUM_CHROMIUM
            "$MOMENTUM_CHROMIUM" --version
            return
        fi
    done
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        echo 'installing Chromium by apt'
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q && apt-get install -qy --no-install-recommends chromium || return 1
        MOMENTUM_CHROMIUM=$(command -v chromium)
        export MOMENTUM_CHROMIUM
        "$MOMENTUM_CHROMIUM" --version
        return
    fi
    return 1
}
