// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { expectOneVoice, expectSameMessages } from "@heronry/web-kit/test/languages.ts";
import en from "../src/lang/en.json";
import de from "../src/lang/de.json";
import { forwardedParts, parsePeople, recipientsFor, speaksOfAttachment, subjectFor } from "../src/compose/answer.ts";
import { fieldTime, laterTimes } from "../src/compose/later.ts";
import { isDeceptive, nameOf, names } from "../src/list/people.ts";
import { badge, own, withRole } from "../src/nav/folders.ts";
import { disguiseOf, firstDisguise } from "../src/read/hosts.ts";
import { proofOf } from "../src/read/proof.ts";
import { blocksOf, linkify } from "../src/read/text.ts";
import { newestOf, toOpen, type Message } from "../src/state/message.ts";
import { hashOf, parseRoute, type Route } from "../src/state/route.svelte.ts";
import { decodeIds } from "../src/state/varint.ts";
import type { Schema } from "@heronry/web-kit/api/client.ts";

function encodeIds(ids: readonly bigint[]): Uint8Array {
  const bytes: number[] = [];
  let last = 0n;
  for (const id of ids) {
    const difference = id - last;
    last = id;
    let value = BigInt.asUintN(64, (difference << 1n) ^ (difference >> 63n));
    for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
    bytes.push(Number(value));
  }
  return Uint8Array.from(bytes);
}

describe("languages", () => {
  it("say the same", () => expectSameMessages(en, de));
  it("say it to friends", () => expectOneVoice(de));
});

describe("order of a mailbox", () => {
  it("comes back as it was, small and 63 bit numbers, up and down", () => {
    const ids = [1n, 2n, 1n, 115302194731810817n, 115302194731810816n, 9223372036854775807n, 5n, 562949953421312n, 0n];
    expect(decodeIds(encodeIds(ids))).toEqual(ids.map(String));
    expect(decodeIds(new Uint8Array())).toEqual([]);
  });
  it("refuses what is cut or too long", () => {
    expect(() => decodeIds(Uint8Array.of(0x80))).toThrow(/ends/);
    expect(() => decodeIds(new Uint8Array(12).fill(0xff))).toThrow(/too long/);
  });
});

describe("routes", () => {
  it("survive the address bar", () => {
    const all: Route[] = [
      { view: "folder", mailboxId: "3", filter: "all", threadId: null },
      { view: "folder", mailboxId: "3", filter: "unread", threadId: "115" },
      { view: "search", q: "from:mia & böats", mailboxId: null, threadId: null },
      { view: "search", q: 'a "b c"', mailboxId: "7", threadId: "9" },
      { view: "settings", section: "" },
      { view: "settings", section: "sessions" },
    ];
    for (const one of all) expect(parseRoute(hashOf(one))).toEqual(one);
  });
  it("fall back to the inbox for what they do not know", () => {
    const inbox = { view: "folder", mailboxId: "", filter: "all", threadId: null };
    expect(parseRoute("")).toEqual(inbox);
    expect(parseRoute("#/f/../../x/t/javascript:1?show=evil")).toEqual(inbox);
  });
});

const message = (more: Partial<Schema<"Message">>): Schema<"Message"> => ({
  id: "1", threadId: "1", mailboxIds: ["1"], keywords: [], subject: "Boats", preview: "", sender: [], bcc: [], replyTo: [], cc: [],
  from: [{ name: "Ada", address: "ada@example.org" }], to: [{ name: "Bo", address: "bo@heron.example" }],
  messageIdHeader: null, sentAt: null, receivedAt: "2026-03-01T12:00:00Z", size: 1, attachments: [], draftId: null, ...more,
});
const isMine = (address: string): boolean => address.toLowerCase() === "bo@heron.example";
const addresses = (people: readonly { address: string }[]): string[] => people.map((one) => one.address);

describe("what is forwarded", () => {
  const part = (partId: string, isInline: boolean): Schema<"Attachment"> => ({
    partId, blobId: `m7.${partId}`, name: `${partId}.png`, type: "image/png", size: 9, contentId: isInline ? "<'x\"@y" : null, isInline,
  });
  const whole = { ...message({}), id: "7", attachments: [part("2", true), part("3", true), part("4", false)] };

  it("keeps the pictures of the text in their places, by names of our own", () => {
    const { html, files } = forwardedParts(whole, '<p>a<img src="/api/v1/messages/7/parts/2?disposition=inline" alt="b"></p>');
    expect(html).toBe('<p>a<img src="/api/v1/messages/7/parts/2?disposition=inline" data-cid="2.7@heronry" alt="b"></p>');
    expect(files.map((one) => one.contentId)).toEqual(["2.7@heronry", null, null]);
  });
  it("loses no part that the text does not show, and takes none of another message", () => {
    const { html, files } = forwardedParts(whole, '<img src="/api/v1/messages/8/parts/2?disposition=inline">');
    expect(html).not.toContain("cid");
    expect(files.map((one) => [one.blobId, one.contentId])).toEqual([["m7.2", null], ["m7.3", null], ["m7.4", null]]);
  });
});

describe("answers", () => {
  it("go to the author, or where the author wants them", () => {
    expect(addresses(recipientsFor(message({}), "reply", isMine).to)).toEqual(["ada@example.org"]);
    const list = message({ replyTo: [{ name: "", address: "list@example.org" }] });
    expect(addresses(recipientsFor(list, "reply", isMine).to)).toEqual(["list@example.org"]);
  });
  it("go to all but me, each once", () => {
    const many = message({
      to: [{ name: "", address: "BO@heron.example" }, { name: "", address: "mia@example.org" }],
      cc: [{ name: "", address: "Mia@example.org" }, { name: "", address: "ada@example.org" }, { name: "", address: "leo@example.org" }],
    });
    const { to, cc } = recipientsFor(many, "replyAll", isMine);
    expect(addresses(to)).toEqual(["ada@example.org"]);
    expect(addresses(cc)).toEqual(["mia@example.org", "leo@example.org"]);
  });
  it("to my own mail go to whom it went", () => {
    const sent = message({ from: [{ name: "Bo", address: "bo@heron.example" }], to: [{ name: "", address: "ada@example.org" }] });
    expect(addresses(recipientsFor(sent, "reply", isMine).to)).toEqual(["ada@example.org"]);
  });
  it("have one Re: and one Fwd:", () => {
    expect(subjectFor("AW: Re: Re[2]: Boats", "reply")).toBe("Re: Boats");
    expect(subjectFor("WG: Fwd: Boats", "forward")).toBe("Fwd: Boats");
    expect(subjectFor("Recipe", "replyAll")).toBe("Re: Recipe");
  });
  it("know people in what is typed", () => {
    const { people, rest } = parsePeople('Ada <ada@example.org>; leo@example.org, "Reed, Mia" <mia@example.org>\nnobody');
    expect(people).toEqual([
      { name: "Ada", address: "ada@example.org" },
      { address: "leo@example.org" },
      { name: "Reed, Mia", address: "mia@example.org" },
    ]);
    expect(rest).toBe("nobody");
    expect(parsePeople('a@x.example, "b@y.example').rest).toBe('"b@y.example');
    expect(parsePeople('"Reed; Mia" < mia@example.org >').people).toEqual([{ name: "Reed; Mia", address: "mia@example.org" }]);
  });
  it("take little time for a long paste", () => {
    parsePeople(`<${"a@".repeat(100_000)}`);
    expect(parsePeople("a@b.example,".repeat(50_000)).people.length).toBe(50_000);
  });
  it("notice a forgotten attachment", () => {
    expect(speaksOfAttachment("The sheet is attached.")).toBe(true);
    expect(speaksOfAttachment("Die Liste findest du im Anhang.")).toBe(true);
    expect(speaksOfAttachment("We are attacked by geese.")).toBe(false);
  });
});

describe("plain text", () => {
  it("has links that end where they end", () => {
    expect(linkify("see https://a.example/x_(y), or (https://b.example/z).")).toEqual([
      { text: "see " },
      { text: "https://a.example/x_(y)", href: "https://a.example/x_(y)" },
      { text: ", or (" },
      { text: "https://b.example/z", href: "https://b.example/z" },
      { text: ")." },
    ]);
    expect(linkify("mail bo@heron.example!")[1]).toEqual({ text: "bo@heron.example", href: "mailto:bo@heron.example" });
  });
  it("never makes a link of anything else", () => {
    const evil = 'javascript:alert(1) data:text/html,x vbscript:x "https://a.example/"><img src=x onerror=pwn()>';
    for (const piece of linkify(evil)) if (piece.href) expect(piece.href).toMatch(/^https:\/\/a\.example\/$/);
  });
  it("folds quotes with the line that introduces them", () => {
    const blocks = blocksOf("Yes.\n\nOn Monday, Ada wrote:\n> No?\n> Really\n\nBo");
    expect(blocks.map((one) => one.quoted)).toEqual([false, true, false]);
    const all = blocks.flatMap((one) => one.pieces);
    expect(all.map((one) => one.text)).toEqual(["Yes.\n\n", "On Monday, Ada wrote:\n> No?\n> Really\n\n", "Bo\n"]);
  });
  it("is done with long hostile text in little time", () => {
    blocksOf(`${"> ".repeat(50_000)}\n${"https://".repeat(20_000)}\n${"(".repeat(60_000)}`);
    for (let i = 0; i < 200; i++) linkify(`https://${"a)".repeat(400)}`);
  });
  const MEGABYTE = 1_000_000;
  it.each([
    ["brackets after links", `http://a${")".repeat(19_900)}\n`.repeat(50)],
    ["lines that introduce nothing", "wrote:\n".repeat(MEGABYTE / 7)],
    ["lines that introduce nothing, far from a quote", `${"wrote:\n".repeat(50)}${"\n".repeat(MEGABYTE)}x`],
    ["blanks before the last letter", `${" ".repeat(MEGABYTE)}x`],
    ["ends of sentences", `http://a${"._~".repeat(6_600)}\n`.repeat(50)],
    ["half addresses", `${"a@".repeat(9_900)}\n`.repeat(50)],
    ["addresses without an end", `${"a.".repeat(9_900)}\n`.repeat(50)],
  ])("takes little time for a megabyte of %s", (_, text) => {
    expect(blocksOf(text).length).toBeGreaterThan(0);
  });
  it("gives brackets after a link back to the sentence, except those the link has opened", () => {
    const ends = (line: string): string | undefined => linkify(line)[0]?.href;
    expect(ends("https://a.example/x)))")).toBe("https://a.example/x");
    expect(ends("https://a.example/(x).)?)")).toBe("https://a.example/(x)");
    expect(ends("https://a.example/((x)")).toBe("https://a.example/((x)");
  });
});

describe("people", () => {
  it("cannot rearrange the window", () => {
    expect(nameOf({ name: "\u202egro.elpmaxe\u202c", address: "a@b.example" })).toBe("gro.elpmaxe");
    expect(nameOf({ name: "\u200b", address: "a@b.example" })).toBe("a@b.example");
  });
  it("are told short when there are many", () => {
    const people = [{ name: "Ada Lindqvist", address: "a@x.example" }, { name: "Bo", address: "bo@heron.example" }];
    expect(names(people, isMine, "Me")).toBe("Ada, Me");
    expect(names(people.slice(0, 1), isMine, "Me")).toBe("Ada Lindqvist");
  });
  it("are suspicious when the name is another address", () => {
    expect(isDeceptive({ name: "ceo@bank.example", address: "x@evil.example" })).toBe(true);
    expect(isDeceptive({ name: "A@B.example", address: "a@b.example" })).toBe(false);
    expect(isDeceptive({ name: "Ada", address: "a@b.example" })).toBe(false);
  });
});

describe("folders", () => {
  const folder = (id: string, name: string, role: Schema<"MailboxRole">, parentId: string | null = null): Schema<"Mailbox"> => ({
    id, name, path: name, role, parentId, totalMessages: 4, unreadMessages: 2, isSubscribed: true,
  });
  const all = [folder("9", "Work/Old", null, "8"), folder("8", "Work", null), folder("2", "Sent", "sent"), folder("1", "INBOX", "inbox")];
  it("stand in their order", () => {
    expect(withRole(all).map((one) => one.role)).toEqual(["inbox", "sent"]);
    expect(own(all).map((one) => [one.mailbox.name, one.depth])).toEqual([["Work", 0], ["Work/Old", 1]]);
  });
  it("tell unread mail, except where nobody wants to know", () => {
    expect(withRole(all).map(badge)).toEqual([2, 0]);
    expect(badge(folder("3", "Drafts", "drafts"))).toBe(4);
  });
});

describe("hosts in disguise", () => {
  it("mix scripts in one word, or only look Latin", () => {
    const disguised = [
      "аpple.com", // Cyrillic a
      "xn--pple-43d.com",
      "аррӏе.com", // all Cyrillic
      "www.xn--80ak6aa92e.com",
      "gοοgle.com", // Greek o
      "pаypal.com.example",
      "日本а.example", // Cyrillic beside Han
      "ԝеЬ.example".toLowerCase(),
      "ɡ\u0561.example",
    ];
    for (const one of disguised) expect(disguiseOf(one)?.real, one).toMatch(/xn--/);
    expect(disguiseOf("XN--PPLE-43D.com")).toEqual({ shown: "аpple.com", real: "xn--pple-43d.com" });
  });
  it("are not those of people who write so", () => {
    const honest = [
      "apple.com", "münchen.de", "日本語.jp", "ハロー-hello.example", "東京tokyo.jp", "スーパー.example", "한국.kr", "россия.example", "пример.рф",
      "сахар.рф", "ελλάδα.gr", "مثال.example", "xn--.example", "xn--99999999.com", "", "a b", "127.0.0.1", "[::1]", "localhost",
    ];
    for (const one of honest) expect(disguiseOf(one), one).toBeNull();
  });
  it("are found in links", () => {
    expect(firstDisguise(["https://a.example/", "nonsense", "https://xn--pple-43d.com:8443/x?y#z"])?.shown).toBe("аpple.com");
    expect(firstDisguise(["mailto:boss@xn--pple-43d.com"])?.real).toBe("xn--pple-43d.com");
    expect(firstDisguise(["https://apple.com/аpple.com", "tel:1", "mailto:"])).toBeNull();
  });
});

describe("proof of a sender", () => {
  const none: Schema<"Authentication"> = { spf: "none", sender: "", dkim: "none", signers: [], dmarc: "none", author: "" };
  const told = (more: Partial<Schema<"Authentication">>, address = "ada@example.org") => proofOf({ ...none, ...more }, [{ name: "", address }]);
  it("is nothing for mail that was not checked", () => expect(proofOf(null, [{ name: "", address: "a@b.example" }])).toBeNull());
  it("comes from the domain itself or one above it", () => {
    expect(told({ signers: ["Example.org"] })).toEqual({ kind: "proven", domain: "example.org", by: "DKIM" });
    expect(told({ signers: ["example.org"] }, "ada@mail.example.org")).toEqual({ kind: "proven", domain: "mail.example.org", by: "DKIM" });
    expect(told({ spf: "pass", sender: "example.org", signers: ["example.org"] })?.kind).toBe("proven");
    expect(told({ dmarc: "pass", author: "example.org", signers: ["news.example.org"] })).toMatchObject({ by: "DMARC" });
    expect(told({ signers: ["xn--mnchen-3ya.de"] }, "a@münchen.de")?.kind).toBe("proven");
  });
  it("does not come from below, beside, or a whole top level", () => {
    expect(told({ signers: ["evil.example.org"] })).toEqual({ kind: "via", domain: "example.org", via: "evil.example.org" });
    expect(told({ signers: ["notexample.org"] })?.kind).toBe("via");
    expect(told({ signers: ["org"] })?.kind).toBe("via");
    expect(told({ spf: "softfail", sender: "example.org" })?.kind).toBe("unproven");
    expect(told({ spf: "pass", sender: "mailer.example" })).toEqual({ kind: "via", domain: "example.org", via: "mailer.example" });
    expect(told({ dmarc: "pass", author: "other.example" })?.kind).toBe("unproven");
    expect(told({ dkim: "fail" })).toEqual({ kind: "unproven", domain: "example.org" });
  });
  it("has failed when the domain's own rule says so, and belongs to one author only", () => {
    expect(told({ dmarc: "fail", signers: ["mailer.example"] })).toEqual({ kind: "failed", domain: "example.org" });
    const two = [{ name: "", address: "a@example.org" }, { name: "", address: "b@example.org" }];
    expect(proofOf({ ...none, signers: ["example.org"] }, two)?.kind).toBe("unproven");
    expect(proofOf({ ...none, signers: ["example.org"] }, [])?.kind).toBe("unproven");
  });
});

describe("times to send later", () => {
  const told = (now: Date): string[] => laterTimes(now).map(({ name, at }) => `${name} ${fieldTime(at)}`);
  it("lie ahead, and tomorrow is named once", () => {
    expect(told(new Date(2026, 2, 4, 9, 30))).toEqual(["tonight 2026-03-04T18:00", "tomorrow 2026-03-05T08:00", "monday 2026-03-09T08:00"]);
    expect(told(new Date(2026, 2, 4, 17, 30))).toEqual(["tomorrow 2026-03-05T08:00", "monday 2026-03-09T08:00"]);
    expect(told(new Date(2026, 2, 8, 20, 0))).toEqual(["tomorrow 2026-03-09T08:00"]);
    expect(told(new Date(2026, 2, 9, 20, 0))).toEqual(["tomorrow 2026-03-10T08:00", "monday 2026-03-16T08:00"]);
  });
});

describe("messages of a conversation that was read anew", () => {
  const one = (id: string, more: Partial<Message> = {}): Message => ({ id, draftId: null, keywords: ["$seen"], ...more }) as Message;
  const draft = (id: string, draftId: string | null): Message => one(id, { draftId, keywords: ["$seen", "$draft"] });
  const opened = (messages: Message[], before: Message[], open: string[]): string[] => toOpen(messages, before, (id) => open.includes(id));

  it("opens what is unread, and the last one that is no draft", () => {
    expect(opened([one("1"), one("2", { keywords: [] }), one("3"), draft("4", "d")], [], [])).toEqual(["2", "3"]);
    expect(opened([draft("4", "d")], [], [])).toEqual(["4"]);
  });
  it("leaves folded what was folded", () => expect(opened([one("1"), one("2")], [one("1"), one("2")], [])).toEqual([]));
  it("keeps a draft open over its saving, whichever moments of it are seen", () => {
    const before = [one("1"), draft("2", "d")];
    const between = [one("1"), draft("2", "d"), draft("3", null)];
    const pointed = [one("1"), draft("2", null), draft("3", "d")];
    const after = [one("1"), draft("3", "d")];
    for (const moments of [[after], [between, after], [pointed, after], [between, pointed, after]]) {
      const open = new Set(["1", "2"]);
      let last = before;
      for (const moment of moments) {
        for (const id of toOpen(moment, last, (known) => open.has(known))) open.add(id);
        last = moment;
      }
      expect([...open]).toContain("3");
    }
    expect(opened(after, before, ["1"])).toEqual([]);
  });
  it("is meant by a star when it is the newest that is no draft, in the folder that is open", () => {
    const messages = [one("1", { mailboxIds: ["1"] }), one("2", { mailboxIds: ["3"] }), { ...draft("4", "d"), mailboxIds: ["2"] }];
    expect(newestOf(messages, null)?.id).toBe("2");
    expect(newestOf(messages, "1")?.id).toBe("1");
    expect(newestOf([draft("4", "d")], null)?.id).toBe("4");
    expect(newestOf(messages, "9")).toBeUndefined();
  });
});
