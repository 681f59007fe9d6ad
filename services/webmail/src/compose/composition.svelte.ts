// SPDX-License-Identifier: Apache-2.0
// A message that is being written: saved by itself while one writes, sent, taken back.
import { api, answered, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { ApiProblem, asProblem, problemText, type FieldError } from "@heronry/web-kit/api/problem.ts";
import { longTime } from "@heronry/web-kit/lang/format.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { nameOf } from "../list/people.ts";
import { t } from "../lang/messages.ts";
import { mail, type Writing } from "../state/mail.svelte.ts";
import { session } from "../state/session.svelte.ts";
import { Attachments } from "./attachments.svelte.ts";
import { forwardedParts, pictureUrl, recipientsFor, subjectFor, type Person } from "./answer.ts";
import { keepFiles, restore } from "./discard.ts";
import { isRefused, sameDraft } from "./retry.ts";
import { cleanFragment, cleanHtml, escapeHtml, htmlFromText } from "./clean.ts";

const SAVE_AFTER_MS = 700;

export class Composition {
  readonly writing: Writing;
  to = $state.raw<readonly Person[]>([]);
  cc = $state.raw<readonly Person[]>([]);
  bcc = $state.raw<readonly Person[]>([]);
  subject = $state("");
  identityId = $state<string | null>(session.identity?.id ?? null);
  readonly files = new Attachments(() => this.touch());
  phase = $state<"opening" | "writing" | "sending" | "scheduled" | "failed">("opening");
  /** On its way at a time of its own, when the phase is "scheduled". */
  scheduled = $state.raw<Schema<"Submission"> | null>(null);
  /** Of a message that came back instead of going: the recipient for whom, with what the server says. */
  returned = $state.raw<Schema<"SubmissionRecipient">>();
  saved = $state<"never" | "waiting" | "saving" | "yes" | "conflict" | "failed">("never");
  error = $state.raw<unknown>(null);
  /** What saving failed with: the next success ends that, and nothing else that is told. */
  #notSaved: unknown = null;
  /** What the server says about single fields. */
  refused = $state.raw<ReadonlyMap<string, FieldError>>(new Map());
  /** What the editor begins with. */
  html = "";
  /** Gives the text as it is now; set by the editor. */
  read: () => string = () => this.html;
  #draftId: string | null = null;
  #etag = "";
  #inReplyTo: Schema<"DraftInput">["inReplyTo"] = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #dirty = false;
  #closed = false;
  #key = newKey();
  /** What was written without an answer: the server may have carried out any of it. */
  #unsure: Schema<"DraftInput">[] = [];
  /** A submission without an answer: asked for again in the same words, it is the same one. */
  #sending: { key: string; body: Schema<"SubmissionNew"> } | undefined;

  constructor(writing: Writing) {
    this.writing = writing;
  }

  get hasDraft(): boolean {
    return this.#draftId !== null;
  }

  // ---- beginning ----

  async open(): Promise<void> {
    this.phase = "opening";
    try {
      const { mode, message, draftId, to } = this.writing;
      if (draftId) await this.#openDraft(draftId);
      else if (message && mode !== "new" && mode !== "draft") await this.#answer(message, mode);
      else {
        if (to) this.to = [{ address: to }];
        this.html = `<div><br></div>${this.#signature()}`;
      }
      this.phase = this.scheduled ? "scheduled" : "writing";
    } catch (error) {
      this.error = error;
      this.phase = "failed";
    }
  }

  async #openDraft(draftId: string): Promise<void> {
    const { data, headers } = await answered(api.GET("/drafts/{draftId}", { params: { path: { draftId } } }));
    this.#take(data, headers);
    this.saved = "yes";
    const last = await lastSubmissionOf(draftId);
    // One that waits to be sent shows no message.
    this.scheduled = data.messageId === null && last?.undoStatus === "pending" ? last : null;
    this.returned = last?.undoStatus === "canceled" ? last.recipients.find((one) => one.reply) : undefined;
  }

  /** Takes back what waits for its time: the draft can be changed again. */
  async unschedule(): Promise<void> {
    if (!this.scheduled) return;
    try {
      await ok(api.DELETE("/submissions/{submissionId}", { params: { path: { submissionId: this.scheduled.id } } }));
    } catch (error) {
      toasts.problem(asProblem(error).status === 409 ? t("done.tooLate") : problemText(error));
      return;
    }
    this.scheduled = null;
    await this.open();
  }

  #take(draft: Schema<"Draft">, headers: Headers): void {
    this.#draftId = draft.id;
    this.#etag = headers.get("etag") ?? "";
    this.to = draft.to;
    this.cc = draft.cc;
    this.bcc = draft.bcc;
    this.subject = draft.subject;
    this.identityId = draft.identityId ?? session.identity?.id ?? null;
    this.#inReplyTo = draft.inReplyTo ?? null;
    this.files.have(draft.attachments);
    let html = draft.html || htmlFromText(draft.text);
    for (const one of this.files.list)
      if (one.contentId && one.blobId)
        html = html.replaceAll(
          `src="cid:${one.contentId}"`,
          `src="${pictureUrl(one.blobId)}" data-cid="${escapeHtml(one.contentId)}"`,
        );
    this.html = html;
  }

  async #answer(message: Schema<"Message">, mode: "reply" | "replyAll" | "forward"): Promise<void> {
    const content = await mail.reader.fetchContent(message.id);
    const { to, cc } = recipientsFor(message, mode, (address) => session.isMine(address));
    this.to = to;
    this.cc = cc;
    this.subject = subjectFor(message.subject, mode);
    this.#inReplyTo = { messageId: message.id, mode };
    // As whom it was written to.
    const me = [...message.to, ...message.cc].find((one) => session.isMine(one.address))?.address.toLowerCase();
    this.identityId = session.identities.find((one) => one.address.toLowerCase() === me)?.id ?? this.identityId;
    const parts = mode === "forward" ? forwardedParts(message, content.hasHtml ? content.html : "") : null;
    const quoted = content.hasHtml ? cleanHtml(parts?.html ?? content.html) : htmlFromText(content.text);
    const from = message.from[0];
    const head =
      mode === "forward"
        ? this.#forwardHead(message)
        : `<div class="attribution">${escapeHtml(t("compose.wrote", { name: nameOf(from), date: longTime(message.sentAt ?? message.receivedAt) }))}</div>`;
    const quote = mode === "forward" ? `${head}${quoted}` : `${head}<blockquote class="quote">${quoted}</blockquote>`;
    this.html = `<div><br></div>${this.#signature()}<div><br></div>${quote}`;
    this.files.have(parts?.files ?? []);
  }

  #forwardHead(message: Schema<"Message">): string {
    const people = (list: readonly Schema<"EmailAddress">[]): string =>
      list.map((one) => (one.name ? `${nameOf(one)} <${one.address}>` : one.address)).join(", ");
    const lines = [
      t("compose.forwarded"),
      `${t("read.from")}: ${people(message.from)}`,
      `${t("read.date")}: ${longTime(message.sentAt ?? message.receivedAt)}`,
      `${t("compose.subject")}: ${message.subject}`,
      `${t("read.to")}: ${people(message.to)}`,
    ];
    return `<div class="attribution">${lines.map(escapeHtml).join("<br>")}</div><div><br></div>`;
  }

  #signature(): string {
    const identity = session.identities.find((one) => one.id === this.identityId);
    const html = identity?.signatureHtml ? cleanHtml(identity.signatureHtml) : htmlFromText(identity?.signatureText ?? "");
    const empty = !identity?.signatureHtml && !identity?.signatureText;
    return empty ? "" : `<div><br></div><div class="signature">${html}</div>`;
  }

  // ---- saving ----

  /** Something changed: it is saved soon. */
  touch(): void {
    if ((this.phase !== "writing" && this.phase !== "sending") || this.saved === "conflict") return;
    this.#dirty = true;
    if (this.phase === "sending") return; // saved when it does not go
    this.saved = "waiting";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  #input(): Schema<"DraftInput"> {
    // In a document that loads nothing: no browser can fetch "cid:".
    const tree = document.implementation.createHTMLDocument("").createElement("div");
    tree.append(cleanFragment(this.read()));
    for (const image of tree.querySelectorAll<HTMLImageElement>("img[data-cid]")) {
      image.setAttribute("src", `cid:${image.dataset["cid"] ?? ""}`);
      image.removeAttribute("data-cid");
    }
    return {
      identityId: this.identityId,
      to: [...this.to],
      cc: [...this.cc],
      bcc: [...this.bcc],
      subject: this.subject.replace(/[\r\n]+/g, " "),
      html: tree.innerHTML,
      text: "",
      attachments: this.files.list.flatMap(({ blobId, name, contentId }) =>
        blobId ? [{ blobId, name, ...(contentId ? { contentId } : {}) }] : [],
      ),
      inReplyTo: this.#inReplyTo ?? null,
    };
  }

  /** Saves what is not saved yet; one request at a time. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running;
    if (!this.#dirty || this.#closed) return;
    this.#running = this.#save().finally(() => (this.#running = undefined));
    await this.#running;
  }

  async #save(): Promise<void> {
    this.#dirty = false;
    this.saved = "saving";
    try {
      await this.#write(this.#input());
      this.saved = this.#dirty ? "waiting" : "yes";
      if (this.error === this.#notSaved) this.error = null;
    } catch (error) {
      this.#dirty = true;
      const { status } = asProblem(error);
      if (isRefused(status)) {
        this.#key = newKey();
        this.#unsure = [];
      }
      if (status === 412) this.saved = "conflict";
      else {
        this.saved = "failed";
        this.error = this.#notSaved = error;
        // Nothing is lost while the window is open: it is tried again.
        if (!this.#closed) this.#timer = setTimeout(() => void this.save(), 5000);
      }
    }
  }

  async #write(body: Schema<"DraftInput">): Promise<void> {
    if (!this.#draftId) {
      // A draft that may be there already is asked for in the words of the first time, then changed.
      const first = this.#unsure[0] ?? body;
      this.#unsure = [first];
      this.#settle(await answered(api.POST("/drafts", { params: { header: { "Idempotency-Key": this.#key } }, body: first })));
      this.#key = newKey();
      // The answer to a repeated request comes without the ETag.
      if (!this.#etag && !(await this.#hasArrived([first]))) throw new ApiProblem(412);
      if (sameDraft(first, body)) return;
    }
    const before = this.#unsure;
    this.#unsure = [...before, body];
    try {
      this.#settle(await this.#put(body));
    } catch (error) {
      if (asProblem(error).status !== 412 || !(await this.#hasArrived(before))) throw error;
      this.#settle(await this.#put(body));
    }
  }

  #put(body: Schema<"DraftInput">): Promise<{ data: Schema<"Draft">; headers: Headers }> {
    const params = { path: { draftId: this.#draftId ?? "" }, header: { "If-Match": this.#etag } };
    return answered(api.PUT("/drafts/{draftId}", { params, body }));
  }

  #settle({ data, headers }: { data: Schema<"Draft">; headers: Headers }): void {
    this.#draftId = data.id;
    this.#etag = headers.get("etag") ?? "";
    this.#unsure = [];
  }

  /** Whether what the server has is of our own writing, of which its answer was lost; then takes its ETag. */
  async #hasArrived(bodies: readonly Schema<"DraftInput">[]): Promise<boolean> {
    if (bodies.length === 0 || !this.#draftId) return false;
    const params = { path: { draftId: this.#draftId } };
    const { data, headers } = await answered(api.GET("/drafts/{draftId}", { params }));
    if (!bodies.some((one) => sameDraft(one, data))) return false;
    this.#etag = headers.get("etag") ?? "";
    return true;
  }

  /** Somebody changed the draft elsewhere: keeps the text that is here. */
  async keepMine(): Promise<void> {
    if (!this.#draftId) return;
    const path = { draftId: this.#draftId };
    try {
      const { headers } = await answered(api.GET("/drafts/{draftId}", { params: { path } }));
      this.#etag = headers.get("etag") ?? "";
    } catch (error) {
      if (asProblem(error).status !== 404) throw error;
      this.#draftId = null;
    }
    this.saved = "waiting";
    this.#dirty = true;
    await this.save();
  }

  /** … or takes the other one; the caller puts `html` into the editor. */
  async takeTheirs(): Promise<void> {
    if (!this.#draftId) return;
    this.#dirty = false;
    await this.#openDraft(this.#draftId);
  }

  // ---- ending ----

  /** Sends it, now or at a time of its own; true when it is on its way. */
  async send(at?: Date): Promise<boolean> {
    if (this.phase !== "writing") return false; // keys can ask twice
    this.phase = "sending";
    this.refused = new Map();
    this.error = null;
    try {
      // The draft of one that was taken in is locked: saving it would fail, and asking anew be a second sending.
      if (await this.#isOnItsWay()) return true;
      this.#dirty ||= this.#draftId === null;
      await this.save();
      if (this.saved === "conflict" || this.saved === "failed" || !this.#draftId) {
        this.#goOn();
        return false;
      }
      const undoSeconds = session.settings.undoSendSeconds;
      const when = at ? { sendAt: at.toISOString() } : { undoSeconds };
      const body = { draftId: this.#draftId, draftEtag: this.#etag, ...when };
      if (JSON.stringify(this.#sending?.body) !== JSON.stringify(body)) this.#sending = { key: newKey(), body };
      const params = { header: { "Idempotency-Key": this.#sending?.key ?? newKey() } };
      this.#end(await ok(api.POST("/submissions", { params, body })), body);
      return true;
    } catch (error) {
      const problem = asProblem(error);
      if (isRefused(problem.status)) this.#sending = undefined;
      if (await this.#isOnItsWay()) return true;
      this.refused = new Map(problem.errors.map((one) => [one.pointer?.split("/")[1] ?? "", one]));
      this.error = error;
      if (this.#closed) toasts.problem(problemText(error));
      else this.#goOn();
      return false;
    }
  }

  /** It did not go: what was written meanwhile is saved. */
  #goOn(): void {
    this.phase = "writing";
    if (this.#dirty && this.saved !== "failed") this.touch();
  }

  /** Whether the submission whose answer was lost was taken in; then it is told, as if it had been answered. */
  async #isOnItsWay(): Promise<boolean> {
    if (!this.#sending || this.#closed) return false;
    const { body } = this.#sending;
    const last = await lastSubmissionOf(body.draftId).catch(() => null);
    if (!last || last.undoStatus === "canceled") return false;
    this.#end(last, body);
    return true;
  }

  #end(made: Schema<"Submission">, { sendAt, undoSeconds }: Schema<"SubmissionNew">): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (sendAt) toasts.show(t("done.scheduled", { date: longTime(made.undoUntil) }), { undo: () => takeBack(made) });
    else this.#tell(made, made.undoStatus === "pending" ? (undoSeconds ?? 0) : 0);
  }

  #tell(made: Schema<"Submission">, undoSeconds: number): void {
    const options = undoSeconds > 0 ? { stay: undoSeconds * 1000, undo: () => takeBack(made) } : {};
    toasts.show(t(undoSeconds > 0 ? "done.sending" : "done.sent"), options);
  }

  /** Leaves it as a draft, or without one when nothing was written. */
  async close(): Promise<void> {
    const touched = this.#dirty || this.saved === "waiting" || this.saved === "saving";
    if (touched) await this.save();
    if (this.saved === "failed" || this.saved === "conflict") return; // it stays open, and goes on being saved
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.hasDraft && this.saved === "yes" && this.writing.mode !== "draft") toasts.show(t("done.draft"));
  }

  /** Throws it away; it can be taken back. */
  async discard(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closed = true; // nothing begins any more
    while (this.#running) await this.#running;
    this.files.cancel();
    const input = this.#input();
    const maybe = this.#unsure[0];
    if (!this.#draftId && !maybe) return;
    try {
      if (!this.#draftId && maybe) await this.#write(maybe); // to know what it is called
      if (!this.#draftId) return;
      const kept = await keepFiles(input);
      await ok(api.DELETE("/drafts/{draftId}", { params: { path: { draftId: this.#draftId } } }));
      toasts.show(t("done.discarded"), { undo: () => restore(input, kept) });
    } catch (error) {
      if (asProblem(error).status !== 404) toasts.problem(problemText(error));
    }
  }
}

async function lastSubmissionOf(draftId: string): Promise<Schema<"Submission"> | null> {
  const list = await ok(api.GET("/submissions", { params: { query: { draftId, limit: 1 } } }));
  return list.items[0] ?? null;
}

/** Undo of sending: the draft is open again. */
async function takeBack(made: Schema<"Submission">): Promise<void> {
  try {
    const back = await ok(api.DELETE("/submissions/{submissionId}", { params: { path: { submissionId: made.id } } }));
    toasts.show(t("done.takenBack"));
    if (back.draftId) mail.write({ mode: "draft", draftId: back.draftId });
  } catch (error) {
    const { status } = asProblem(error);
    // Whether it was done is not known without an answer: as long as there is time it can be asked for again.
    const undo = isRefused(status) ? {} : { undo: () => takeBack(made) };
    toasts.problem(status === 409 ? t("done.tooLate") : problemText(error), undo);
  }
}
