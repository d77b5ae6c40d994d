# Sourced by quickstart and test: makes .venv in the checkout and installs this project into it.
#
#   ensure_venv [EXTRA]   nothing is done where .venv holds what setup.cfg and pyproject.toml ask for
#
# PYTHON names an interpreter to use; else the newest one of 3.11 and later that PATH has and that can make a venv.

ensure_venv() {
    local extra=${1:-} python stamp wanted
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(find_python)
        echo "Making .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    wanted=$(fingerprint)
    for stamp in ".venv/installed-${extra:-base}" .venv/installed-test; do
        [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return
    done
    echo "Installing Librarian${extra:+ with what its tests need} into .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extra:+[$extra]}"
    echo "$wanted" >".venv/installed-${extra:-base}"
}

# What an installation depends on. The path counts, because an editable one points to it.
fingerprint() {
    { pwd && cat setup.cfg pyproject.toml; } | .venv/bin/python -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

find_python() {
    local name
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        # Version managers put names into PATH that fail when called, and Debian's python3 may come without venv.
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "No Python 3.11 or later with the venv module was found (tried: ${PYTHON:-python3.13, python3.12," \
        "python3.11, python3})." >&2
    echo "Install one (on Debian and Ubuntu: apt install python3 python3-venv), or name it:" \
        "PYTHON=/path/to/python3 $0" >&2
    return 1
}
