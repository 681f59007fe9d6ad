// SPDX-License-Identifier: Apache-2.0
// Who is signed in, and the live figures of the queue. The settings (theme, language) are those of the
// account, the same as in the webmail.
import { api, ok, onSessionEnd, type Schema } from "@heronry/web-kit/api/client.ts";
import { live, type LinkState } from "@heronry/web-kit/api/events.ts";
import { holdAccount, releaseAccount } from "@heronry/web-kit/api/holder.ts";
import { asProblem } from "@heronry/web-kit/api/problem.ts";
import { isLocale, preferredLocale, setLocale } from "@heronry/web-kit/lang/i18n.svelte.ts";
import { remember, setTheme } from "@heronry/web-kit/preferences.svelte.ts";

class Session {
  phase = $state<"starting" | "signedOut" | "forbidden" | "ready" | "failed">("starting");
  /** The session ended by itself: the door says so. */
  ended = $state(false);
  error = $state.raw<unknown>(null);
  account = $state.raw<Schema<"Account"> | null>(null);
  settings = $state.raw<Schema<"Settings"> | null>(null);
  version = $state("");
  /** The queue as the live stream told it last. */
  queue = $state.raw<Schema<"QueueStats"> | null>(null);
  link = $state<LinkState>("connecting");
  #stop: (() => void) | undefined;

  constructor() {
    onSessionEnd(() => {
      if (this.phase === "ready" || this.phase === "forbidden") this.#leave(true);
    });
  }

  async start(): Promise<void> {
    this.phase = "starting";
    try {
      await this.#take(await ok(api.GET("/bootstrap")));
    } catch (error) {
      if (asProblem(error).status === 401) {
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
    this.version = all.version;
    await this.#apply(all.settings);
    this.ended = false;
    this.phase = all.account.isAdmin ? "ready" : "forbidden";
    if (this.phase !== "ready") return;
    this.#stop = live({
      account: all.account.id,
      types: "queue",
      since: all.eventCursor,
      onevent: (event) => {
        if (event.type === "session") this.#leave(true);
        else if (event.type === "queue") this.queue = event.stats;
      },
      onlink: (link) => (this.link = link),
    });
  }

  async #apply(settings: Schema<"Settings">): Promise<void> {
    this.settings = settings;
    setTheme(settings.theme === "auto" ? "system" : settings.theme);
    remember("language", settings.language);
    const language = settings.language === "auto" ? preferredLocale() : settings.language;
    if (isLocale(language)) await setLocale(language);
  }

  #leave(ended: boolean): void {
    releaseAccount(!ended);
    this.#stop?.();
    this.#stop = undefined;
    this.account = null;
    this.queue = null;
    this.ended = ended;
    this.phase = "signedOut";
  }

  async signIn(login: string, password: string): Promise<void> {
    const { account } = await ok(api.POST("/session", { body: { login, password, remember: false } }));
    holdAccount(account.id);
    await this.start();
  }

  async signOut(): Promise<void> {
    try {
      await ok(api.DELETE("/session"));
    } finally {
      this.#leave(false);
    }
  }

  /** Changes settings of the own account at once, and back when the server does not want it. */
  async change(some: Schema<"SettingsChange">): Promise<void> {
    const before = this.settings;
    if (!before) return;
    await this.#apply({ ...before, ...some });
    try {
      await this.#apply(await ok(api.PATCH("/me/settings", { body: some })));
    } catch (error) {
      await this.#apply(before);
      throw error;
    }
  }
}

export const session = new Session();
