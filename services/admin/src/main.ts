// SPDX-License-Identifier: Apache-2.0
// Where the administration begins.
import { mount } from "svelte";
import { isLocale, preferredLocale, setLocale } from "@heronry/web-kit/lang/i18n.svelte.ts";
import { startTold } from "@heronry/web-kit/lang/told.svelte.ts";
import { recall, startTheme } from "@heronry/web-kit/preferences.svelte.ts";
import "@heronry/web-kit/styles.css";
import "./lang/messages.ts";
import App from "./App.svelte";

startTheme();
const kept = recall("language") ?? "auto";
await setLocale(isLocale(kept) ? kept : preferredLocale());

const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the app");
mount(App, { target });
startTold();
