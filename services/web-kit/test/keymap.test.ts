// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Commands } from "../src/keys/commands.svelte.ts";
import { caps, chordOf, Keymap } from "../src/keys/keymap.ts";
import { rank } from "../src/keys/rank.ts";

let commands: Commands;
let keymap: Keymap;
let ran: string[];
let stop: () => void;

function press(key: string, target: EventTarget = document.body, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  vi.useFakeTimers();
  commands = new Commands();
  keymap = new Keymap(commands);
  ran = [];
  const make = (id: string, keys: string[]) => ({
    id,
    title: () => id,
    group: () => "Test",
    keys,
    run: () => ran.push(id),
  });
  commands.register([
    make("archive", ["e"]),
    make("inbox", ["g i"]),
    make("sent", ["g s"]),
    make("star", ["s"]),
    make("palette", ["Mod+k"]),
    make("down", ["j", "ArrowDown"]),
    make("extend", ["Shift+j"]),
    make("delete", ["#"]),
  ]);
  stop = keymap.listen(window);
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  document.body.innerHTML = "";
});

describe("keys", () => {
  it("run commands, alone and in sequences", () => {
    press("e");
    press("g");
    press("s");
    press("s");
    expect(ran).toEqual(["archive", "sent", "star"]);
  });
  it("forget a sequence that is not ended", () => {
    press("g");
    vi.advanceTimersByTime(2000);
    press("s");
    expect(ran).toEqual(["star"]);
  });
  it("take up a new key when a sequence leads nowhere", () => {
    press("g");
    press("e");
    expect(ran).toEqual(["archive"]);
  });
  it("sleep while somebody types, except with a modifier", () => {
    const input = document.createElement("input");
    const button = document.createElement("button");
    document.body.append(input, button);
    press("e", input);
    expect(ran).toEqual([]);
    press("k", input, { ctrlKey: true });
    expect(ran).toEqual(["palette"]);
    press("e", button);
    expect(ran).toEqual(["palette", "archive"]);
  });
  it("are not ours when a modifier is held", () => {
    press("e", document.body, { ctrlKey: true });
    press("e", document.body, { altKey: true });
    press("j", document.body, { metaKey: true });
    expect(ran).toEqual([]);
  });
  it("tell Shift for letters but not for signs", () => {
    press("J", document.body, { shiftKey: true });
    press("#", document.body, { shiftKey: true });
    expect(ran).toEqual(["extend", "delete"]);
    expect(chordOf(new KeyboardEvent("keydown", { key: "Shift", shiftKey: true }))).toBeNull();
  });
  it("can be switched off, chords excepted", () => {
    keymap.singleKeys = false;
    press("e");
    press("k", document.body, { ctrlKey: true });
    expect(ran).toEqual(["palette"]);
  });
  it("leave alone what no command wants", () => {
    expect(press("q").defaultPrevented).toBe(false);
    expect(press("e").defaultPrevented).toBe(true);
  });
  it("show their caps", () => {
    expect(caps("g i")).toEqual([["G"], ["I"]]);
    expect(caps("Mod+Enter")).toEqual([["Ctrl", "↵"]]);
    expect(caps("+")).toEqual([["+"]]);
  });
});

describe("commands", () => {
  it("hide those that make no sense now and let the last of a name win", () => {
    commands.register([{ id: "archive", title: () => "other", group: () => "Test", enabled: () => false, run: () => 0 }]);
    expect(commands.available().some((one) => one.id === "archive")).toBe(false);
    commands.run("archive");
    expect(ran).toEqual([]);
  });
});

describe("finding by letters", () => {
  const names = ["Go to Inbox", "Go to Sent", "Archive conversation", "Märkte", "Mark as unread"];
  const find = (query: string): string[] => rank(names, query, (one) => one);
  it("keeps the order for nothing, puts starts of words first", () => {
    expect(find("")).toEqual(names);
    expect(find("in")[0]).toBe("Go to Inbox");
    expect(find("se")[0]).toBe("Go to Sent");
  });
  it("wants all words, ignores accents and case", () => {
    expect(find("to inb")).toEqual(["Go to Inbox"]);
    expect(find("MARKTE")[0]).toBe("Märkte");
    expect(find("zzz")).toEqual([]);
  });
  it("finds by letters in order when nothing else fits", () => {
    expect(find("gti")).toContain("Go to Inbox");
  });
});
