// SPDX-License-Identifier: Apache-2.0
// Who is signed in, with what belongs to the account as a whole: settings, identities, folders, and the
// live stream that keeps all of it fresh.
import { api, ok, onSessionEnd, type Schema } from "@heronry/web-kit/api/client.ts";
import { live, type LinkState, type LiveEvent } from "@heronry/web-kit/api/events.ts";
import { holdAccount, releaseAccount } from "@heronry/web-kit/api/holder.ts";
import { asProblem } from "@heronry/web-kit/api/problem.ts";
import { isLocale, preferredLocale, setLocale } from "@heronry/web-kit/lang/i18n.svelte.ts";
import { remember, setTheme } from "@heronry/web-kit/preferences.svelte.ts";
import { t } from "../lang/messages.ts";

export type Mailbox = Schema<"Mailbox">;
export type Role = NonNullable<Mailbox["role"]>;

class Session {
  phase = $state<"starting" | "signedOut" | "ready" | "failed">("starting");
  /** The session ended by itself: the door says so. */
  ended = $state(false);
  error = $state.raw<unknown>(null);
  account = $state.raw<Schema<"Account"> | null>(null);
  settings = $state.raw<Schema<"Settings">>({
    language: "auto",
    theme: "auto",
    density: "cosy",
    timeZone: "auto",
    undoSendSeconds: 10,
    singleKeys: true,
    markReadAfterSeconds: 0,
    desktopNotifications: false,
  });
  identities = $state.raw<readonly Schema<"Identity">[]>([]);
  mailboxes = $state.raw<readonly Mailbox[]>([]);
  limits = $state.raw<Schema<"Limits">>({ messageBytes: 0, recipients: 100, uploadBytes: 0, partBytes: 4_194_304 });
  link = $state<LinkState>("connecting");
  /** First rows of the inbox, used once. */
  inbox: Schema<"ThreadPage"> | undefined;
  /** The state of the account that everything here reflects. */
  state = "";
  #stop: (() => void) | undefined;
  #listeners = new Set<(news: LiveEvent | "ask") => void>();
  /** Counts questions for the folders and what the stream tells of them, to know which is newer. */
  #clock = 0;
  #read = 0;
  #counted = new Map<string, { at: number; counts: Schema<"MailboxCounts"> }>();
  /** Ends when the server has answered to the last change of settings. */
  #changed: Promise<void> = Promise.resolve();

  constructor() {
    onSessionEnd(() => {
      if (this.phase !== "ready") return;
      this.ended = true;
      this.#leave();
    });
  }

  /** Asks for everything that the first picture needs. */
  async start(): Promise<void> {
    this.phase = "starting";
    try {
      // Without our header: the page has asked for just this before the code was there (index.html), and a
      // browser takes that answer only for the same request.
      const all = await ok(api.GET("/bootstrap", { headers: { "X-Heronry": null } }));
      await this.#take(all);
    } catch (error) {
      const { status } = asProblem(error);
      if (status === 401) {
        this.phase = "signedOut";
        return;
      }
      this.error = error;
      this.phase = "failed";
    }
  }

  async #take(all: Schema<"Bootstrap">): Promise<void> {
    this.account = all.account;
    holdAccount(all.account.id);
    this.identities = all.identities;
    this.mailboxes = all.mailboxes;
    this.limits = all.limits;
    this.inbox = all.inbox;
    this.state = all.state;
    await this.#apply(all.settings);
    this.ended = false;
    this.phase = "ready";
    this.#stop = live({
      account: all.account.id,
      types: "mail,submission",
      since: all.eventCursor,
      onevent: (event) => this.#event(event),
      onmissed: () => this.#listeners.forEach((run) => run("ask")),
      onlink: (link) => (this.link = link),
    });
  }

  async #apply(settings: Schema<"Settings">): Promise<void> {
    this.settings = settings;
    setTheme(settings.theme === "auto" ? "system" : settings.theme);
    const language = settings.language === "auto" ? preferredLocale() : settings.language;
    remember("language", settings.language);
    if (isLocale(language)) await setLocale(language);
  }

  #event(event: LiveEvent): void {
    if (event.type === "session") {
      this.ended = true;
      return this.#leave();
    }
    if (event.type === "change") {
      this.counts(event.mailboxes);
      this.inbox = undefined; // it is not as it was
    }
    this.#listeners.forEach((run) => run(event));
  }

  /** Listens to the live stream; "ask": it may not have told everything. The result stops it. */
  listen(run: (news: LiveEvent | "ask") => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  #leave(signedOut = false): void {
    releaseAccount(signedOut);
    this.#stop?.();
    this.#stop = undefined;
    this.account = null;
    this.mailboxes = [];
    this.#counted.clear();
    this.identities = [];
    this.inbox = undefined;
    this.phase = "signedOut";
  }

  async signIn(login: string, password: string): Promise<void> {
    const { account } = await ok(api.POST("/session", { body: { login, password, remember: true } }));
    holdAccount(account.id);
    await this.start();
  }

  async signOut(): Promise<void> {
    try {
      await ok(api.DELETE("/session"));
    } finally {
      this.ended = false;
      this.#leave(true);
    }
  }

  /** Changes settings at once and takes the change back when the server does not want it. Changes that follow each
   *  other quickly reach the server in their order; the answer to one knows nothing of those after it. */
  async change(some: Schema<"SettingsChange">): Promise<void> {
    const before = this.settings;
    const sent = this.#changed.then(() => ok(api.PATCH("/me/settings", { body: some })));
    const settled = (this.#changed = sent.then(
      () => undefined,
      () => undefined,
    ));
    await this.#apply({ ...before, ...some });
    try {
      const fresh = await sent;
      if (settled === this.#changed) await this.#apply(fresh);
    } catch (error) {
      const back = Object.keys(some).map((key) => [key, before[key as keyof typeof before]]);
      await this.#apply({ ...this.settings, ...Object.fromEntries(back) });
      throw error;
    }
  }

  // ---- folders ----

  counts(fresh: readonly Schema<"MailboxCounts">[]): void {
    const at = ++this.#clock;
    for (const counts of fresh) this.#counted.set(counts.id, { at, counts });
    const byId = new Map(fresh.map((one) => [one.id, one]));
    if (fresh.some((one) => !this.mailboxes.some((known) => known.id === one.id))) void this.reloadMailboxes().catch(() => undefined);
    this.mailboxes = this.mailboxes.map((one) => ({ ...one, ...byId.get(one.id) }));
  }

  /** Reads the folders anew; gives the state of the account at that moment. Answers may come in any order, and what
   *  the stream told meanwhile may be newer. */
  async reloadMailboxes(): Promise<string> {
    const at = ++this.#clock;
    const all = await ok(api.GET("/mailboxes"));
    if (at < this.#read) return all.state;
    this.#read = at;
    this.mailboxes = all.items.map((one) => {
      const told = this.#counted.get(one.id);
      return told && told.at > at ? { ...one, ...told.counts } : one;
    });
    return all.state;
  }

  mailbox(id: string | null): Mailbox | undefined {
    return this.mailboxes.find((one) => one.id === id);
  }

  byRole(role: Role): Mailbox | undefined {
    return this.mailboxes.find((one) => one.role === role);
  }

  /** What a folder is called: those with a role in the user's language. */
  nameOf(mailbox: Mailbox | undefined): string {
    if (!mailbox) return "";
    return mailbox.role ? t(`folder.${mailbox.role}`) : mailbox.name;
  }

  get identity(): Schema<"Identity"> | undefined {
    return this.identities.find((one) => one.isDefault) ?? this.identities[0];
  }

  /** Whether an address is the user's own. */
  isMine(address: string): boolean {
    const wanted = address.toLowerCase();
    return (
      (this.account?.addresses.some((one) => one.toLowerCase() === wanted) ?? false) ||
      this.identities.some((one) => one.address.toLowerCase() === wanted)
    );
  }
}

export const session = new Session();
