// SPDX-License-Identifier: Apache-2.0
// The type of an icon: one of @lucide/svelte/icons/*.
import type archive from "@lucide/svelte/icons/archive";

export type Icon = typeof archive;
