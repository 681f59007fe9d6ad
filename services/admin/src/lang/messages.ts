// SPDX-License-Identifier: Apache-2.0
// The words of the administration.
import { catalogue } from "@heronry/web-kit/lang/i18n.svelte.ts";
import english from "./en.json";

export const t = catalogue(english, { de: () => import("./de.json") });
export type Key = keyof typeof english;
