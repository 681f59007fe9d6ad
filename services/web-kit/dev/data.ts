// SPDX-License-Identifier: Apache-2.0
// Made-up mail for the stub: the same every time, as much of it as wanted.
import type { Schema } from "../src/api/client.ts";

const PEOPLE = [
  "Ada Lindqvist", "Hana Suzuki", "Chiara Conti", "Jun Park", "Esi Mensah", "Lea Martin", "Greta Vogel",
  "Ivo Petrov", "Dmitri Volkov", "Kai Olsen", "Farid Rahimi", "Nia Okafor", "Tomás Ruiz", "Mia Reed",
].map((name) => ({ name, address: `${name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(" ", ".")}@example.org` }));

const SUBJECTS = [
  "Quarterly report draft", "Re: cluster upgrade window", "Heron count 2026", "Welcome to the team",
  "Your invoice is ready", "Contract, second revision", "Travel plans for Bergen", "Lunch on Thursday?",
  "Photos from the marsh", "Build failed on main", "Notes of the meeting", "Question about the north bank",
];

const TEXTS = [
  "Thanks for the quick answer. I looked at the numbers again and they hold.",
  "Could we move it by a day? The boats are not ready before noon.",
  "Nothing needs doing from your side, I only wanted you to know early.",
  "I looked at the logs and the cause is simpler than we thought.",
];

export const ME = { name: "Bo Nakamura", address: "bo@heron.example" };

const FOLDERS: readonly (readonly [string, Schema<"MailboxRole">])[] = [
  ["Inbox", "inbox"], ["Drafts", "drafts"], ["Sent", "sent"], ["Archive", "archive"], ["Junk", "junk"], ["Trash", "trash"],
  ["Herons", null], ["Invoices", null], ["Travel", null],
];

export interface StubMessage {
  message: Schema<"Message">;
  html: string;
  text: string;
  remote: number;
}

/** Numbers that look random and are the same in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

const HTML = `<h2 style="font-family:sans-serif">Heron count, week 47</h2><p>Hello Bo, the numbers are in and they are good:
<b>148 nests</b>, up from 131.</p><table cellpadding="8" style="border-collapse:collapse"><tr style="background:#e8f1f5"><th align="left">Bank</th>
<th align="right">2025</th><th align="right">2026</th></tr><tr><td>North</td><td align="right">61</td><td align="right">79</td></tr>
<tr><td>South</td><td align="right">70</td><td align="right">69</td></tr></table><p>The north bank took most of the growth. I attach the sheet.</p>
<p>Warm wishes,<br>Ada</p>`;

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

export function makeFolders(): Schema<"Mailbox">[] {
  return FOLDERS.map(([name, role], i) => ({
    id: String(i + 1), name, path: name, parentId: null, role, totalMessages: 0, unreadMessages: 0, isSubscribed: true,
  }));
}

/** The messages of one conversation, the oldest first. */
export function makeThread(number: number, newest: number): StubMessage[] {
  const random = randomFrom(number * 7919);
  const many = random() < 0.25 ? 2 + Math.floor(random() * 4) : 1;
  const author = pick(PEOPLE, random);
  const subject = number === 0 ? (SUBJECTS[2] ?? "") : pick(SUBJECTS, random);
  const threadId = String(1_000_000 + number * 10);
  return Array.from({ length: many }, (_, i) => {
    const mine = i % 2 === 1;
    const html = number % 4 === 0 && i === many - 1;
    const when = new Date(newest - (many - 1 - i) * 5_400_000).toISOString().replace(/\.\d+/, "");
    const text = `Hello ${mine ? author.name.split(" ")[0] : "Bo"},\n\n${pick(TEXTS, random)}\n\n${pick(TEXTS, random)} See https://heron.example/marsh for more.\n\nWarm wishes,\n${(mine ? ME : author).name.split(" ")[0]}${i > 0 ? "\n\n> " + pick(TEXTS, random) : ""}`;
    const attachments: Schema<"Attachment">[] =
      random() < 0.2 || number === 0
        ? [{ partId: "2", blobId: `p${number}x${i}`, name: "count-2026.pdf", type: "application/pdf", size: 184_320, contentId: null, isInline: false }]
        : [];
    return {
      html: html ? HTML : "",
      text,
      remote: html ? 3 : 0,
      message: {
        id: String(1_000_000 + number * 10 + i), threadId, mailboxIds: [mine ? "3" : "1"],
        keywords: mine || i < many - 1 || random() > 0.3 ? (random() < 0.08 ? ["$seen", "$flagged"] : ["$seen"]) : [],
        subject: i > 0 && !subject.startsWith("Re:") ? `Re: ${subject}` : subject,
        preview: (html ? "Hello Bo, the numbers are in and they are good" : text.split("\n\n")[1]) ?? "",
        from: [mine ? ME : author], sender: [], to: [mine ? author : ME], cc: [], bcc: [], replyTo: [],
        messageIdHeader: `m${number}.${i}@example.org`, sentAt: when, receivedAt: when, size: 4200 + attachments.length * 184_320,
        attachments, draftId: null,
      },
    };
  });
}
