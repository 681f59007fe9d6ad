#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libev exports names of libevent with another layout; found first, they crash libunbound. So no
# program of ours may load libev.so, nor offer libev's names to others.
build=${1:-build/dev}
faults=0
looked=0
for program in "$build"/heronry "$build"/test_* "$build"/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    looked=$((looked + 1))
    if ldd "$program" | grep -q 'libev\.so'; then
        echo "$program loads libev.so"
        faults=1
    fi
    if nm -D --defined-only "$program" | grep -qE ' (event_|ev_|evtimer_)[a-z_]+$'; then
        echo "$program exports names of libev"
        faults=1
    fi
done
[ "$looked" -gt 0 ] || { echo "libev: no programs in $build"; exit 1; }
[ "$faults" -eq 0 ] && echo "libev: $looked programs keep it to themselves"
