// SPDX-License-Identifier: Apache-2.0
// The live stream. One tab of the browser holds the connection (a Web Lock says which) and passes the
// events on to the others: connections to one server are few in HTTP/1.1.
import { API_BASE, type Schema } from "./client.ts";

export type LiveEvent = Schema<"Event">;
export type LinkState = "connecting" | "open" | "down";

export interface LiveOptions {
  /** Id of the account: tabs of different accounts share nothing. */
  account: string;
  /** Value of `types` of GET /events. */
  types: string;
  /** Where to begin, from the bootstrap. */
  since: string;
  onevent: (event: LiveEvent) => void;
  onlink: (state: LinkState) => void;
  /** Another tab holds the stream: what it passed on between `since` and now did not come here. */
  onmissed?: () => void;
}

type Passed = { event: LiveEvent; id: string } | { link: LinkState };

const NAMES = ["change", "submission", "queue", "session", "reset"] as const;
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];

function parse(data: unknown): LiveEvent | undefined {
  try {
    const value: unknown = JSON.parse(String(data));
    return typeof value === "object" && value !== null && "type" in value ? (value as LiveEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Begins to listen; the result ends it. */
export function live(options: LiveOptions): () => void {
  const name = `heronry-events-${options.account}-${options.types}`;
  const channel = new BroadcastChannel(name);
  const stopped = new AbortController();
  let last = options.since;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const take = (passed: Passed): void => {
    if ("link" in passed) return options.onlink(passed.link);
    last = passed.id || last;
    options.onevent(passed.event);
  };
  const pass = (passed: Passed): void => {
    channel.postMessage(passed);
    take(passed); // may end all this
  };
  channel.onmessage = (message: MessageEvent<Passed>) => take(message.data);

  const connect = (): void => {
    const query = new URLSearchParams({ types: options.types, since: last });
    source = new EventSource(`${API_BASE}/events?${query}`);
    source.onopen = () => {
      failures = 0;
      pass({ link: "open" });
    };
    for (const kind of NAMES) {
      source.addEventListener(kind, (message: MessageEvent) => {
        const event = parse(message.data);
        if (event) pass({ event, id: message.lastEventId });
      });
    }
    source.onerror = () => {
      pass({ link: "down" });
      // The browser tries again by itself after a break, but not after an answer that was none.
      if (source?.readyState !== EventSource.CLOSED) return;
      source.close();
      const wait = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] ?? 30_000;
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    };
  };
  const again = (): void => {
    if (source?.readyState !== EventSource.CLOSED) return;
    clearTimeout(timer);
    connect();
  };
  window.addEventListener("online", again);

  options.onlink("connecting");
  const hold = (): Promise<void> =>
    new Promise((release) => {
      connect();
      stopped.signal.addEventListener("abort", () => release());
    });
  if ("locks" in navigator) {
    navigator.locks.request(name, { signal: stopped.signal }, hold).catch(() => undefined);
    // Another tab may hold the stream already and say nothing: then all is well.
    void navigator.locks.query().then((all) => {
      if (stopped.signal.aborted || source || !all.held?.some((one) => one.name === name)) return;
      options.onlink("open");
      options.onmissed?.();
    });
  } else void hold();

  return () => {
    stopped.abort();
    clearTimeout(timer);
    source?.close();
    channel.close();
    window.removeEventListener("online", again);
  };
}
