// SPDX-License-Identifier: Apache-2.0
// The one keymap of the window; the frames of mail listen with it too.
import { commands } from "@heronry/web-kit/keys/commands.svelte.ts";
import { Keymap } from "@heronry/web-kit/keys/keymap.ts";

export const keymap = new Keymap(commands);
