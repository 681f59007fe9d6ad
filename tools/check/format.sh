#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that every source is laid out as .clang-format says; clang-format -i mends it.
find shared services tests tools -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --dry-run --Werror && echo "format: all sources are laid out"
